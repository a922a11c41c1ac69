"""Artifacts in the cell's object store: each file by its hash, the manifest and its signature by the artifact's address.

    artifacts/files/SHA256         a file's bytes
    artifacts/signatures/ADDRESS   of the manifest
    artifacts/manifests/ADDRESS    written last: it vouches for all the others

What an engine believes of it, it checks itself (`inference.engine.artifact`): here nothing is trusted but names of files.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cell.objects import ObjectDamaged, ObjectNotFound, ObjectStore
from compiler.artifact.publication import MANIFEST, SIGNATURE
from inference.gateway.brought import brought, leaves
from inference.gateway.kept_files import KeptFiles, LostFile

_FILES = "artifacts/files/"
_KINDS = "manifests", "signatures"


class ArtifactStoreError(Exception):
    """An artifact is not in the store, or not whole; the message says what to do."""


class _File(msgspec.Struct, frozen=True):
    sha256: str


class _Manifest(msgspec.Struct, frozen=True):
    files: dict[str, _File]


@dataclass(frozen=True, slots=True)
class ArtifactStore:
    objects: ObjectStore

    def keep(self, folder: Path) -> int:
        """Puts the artifact's folder, which is called by its address, into the store; bytes of its files."""
        written = (folder / MANIFEST).read_bytes()
        size = sum(self._files.keep(folder / name)[1] for name in msgspec.json.decode(written, type=_Manifest).files)
        self.objects.put(_key("signatures", folder.name), (folder / SIGNATURE).read_bytes())
        self.objects.put(_key("manifests", folder.name), written)
        return size

    def fetch(self, address: str, folder: Path) -> Path:
        """The artifact below `folder / address`, brought from the store unless it is there. Raises ArtifactStoreError, and then
        leaves nothing."""
        if (folder / address).is_dir():
            return folder / address
        written, signature = (self._kept(kind, address) for kind in _KINDS)
        manifest = _manifest(address, written)
        if any(leaves(name) for name in manifest.files):
            raise ArtifactStoreError(f"the artifact {address[:12]}… is of something else; compile the model again")

        def bring(partial: Path) -> None:
            for name, file in manifest.files.items():
                self._files.fetch(file.sha256, partial / name)
            (partial / MANIFEST).write_bytes(written)
            (partial / SIGNATURE).write_bytes(signature)

        try:
            return brought(folder / address, bring)
        except LostFile as lost:
            raise ArtifactStoreError(f"{lost}; compile the model again") from None

    def addresses(self) -> set[str]:
        """Of all that are in the store, whole or not."""
        return {key.rpartition("/")[2] for kind in _KINDS for key in self.objects.keys(_key(kind, ""))}

    def remove_others(self, kept: Collection[str]) -> int:
        """Removes for good all but the artifacts of these addresses; the number of objects that went. Nobody may be keeping one
        meanwhile. Raises ArtifactStoreError where one that stays is damaged: then no file is removed."""
        # Manifests first: what is left without one when this dies is removed by the next.
        gone, there = 0, self.addresses()
        for address in sorted(there.difference(kept)):
            gone += sum(self.objects.delete_all_versions(_key(kind, address)) for kind in _KINDS)
        manifests = (_manifest(address, self._kept("manifests", address)) for address in there.intersection(kept))
        needed = {file.sha256 for manifest in manifests for file in manifest.files.values()}
        for key in list(self.objects.keys(_FILES)):
            if key.removeprefix(_FILES) not in needed:
                gone += self.objects.delete_all_versions(key)
        return gone

    def _kept(self, kind: str, address: str) -> bytes:
        """Raises ArtifactStoreError."""
        try:
            return self.objects.get(_key(kind, address))
        except ObjectNotFound:
            raise ArtifactStoreError(
                f"the object store has no artifact {address[:12]}…; compile the model again"
            ) from None
        except ObjectDamaged:
            raise _damaged(address) from None

    @property
    def _files(self) -> KeptFiles:
        return KeptFiles(self.objects, _FILES)


def _key(kind: str, address: str) -> str:
    return f"artifacts/{kind}/{address}"


def _manifest(address: str, written: bytes) -> _Manifest:
    """Raises ArtifactStoreError."""
    try:
        return msgspec.json.decode(written, type=_Manifest)
    except msgspec.DecodeError:
        raise _damaged(address) from None


def _damaged(address: str) -> ArtifactStoreError:
    return ArtifactStoreError(f"the artifact {address[:12]}… is damaged; compile the model again")
