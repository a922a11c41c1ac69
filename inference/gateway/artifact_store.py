"""Artifacts in the cell's object store: each file by its hash, the manifest and its signature by the artifact's address.

    artifacts/files/SHA256         a file's bytes
    artifacts/signatures/ADDRESS   of the manifest
    artifacts/manifests/ADDRESS    written last: it vouches for all the others

What an engine believes of it, it checks itself (`inference.engine.artifact`): here nothing is trusted but names of files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from cell.objects import ObjectDamaged, ObjectNotFound, ObjectStore
from compiler.artifact.publication import MANIFEST, SIGNATURE
from inference.gateway.brought import brought, leaves
from inference.gateway.kept_files import KeptFiles, LostFile


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
        try:
            written, signature = (self.objects.get(_key(kind, address)) for kind in ("manifests", "signatures"))
            manifest = msgspec.json.decode(written, type=_Manifest)
        except ObjectNotFound:
            raise ArtifactStoreError(
                f"the object store has no artifact {address[:12]}…; compile the model again"
            ) from None
        except (ObjectDamaged, msgspec.DecodeError):
            raise ArtifactStoreError(f"the artifact {address[:12]}… is damaged; compile the model again") from None
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

    @property
    def _files(self) -> KeptFiles:
        return KeptFiles(self.objects, "artifacts/files/")


def _key(kind: str, address: str) -> str:
    return f"artifacts/{kind}/{address}"
