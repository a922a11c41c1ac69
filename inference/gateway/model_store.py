"""Checkpoints in the cell's object store: each file by its hash, each checkpoint by its digest, checked whenever they are read.

    models/files/SHA256         a file's bytes, once however many checkpoints have it
    models/manifests/DIGEST     JSON: which files under which names make the checkpoint of that digest

The digest is `inference.engine.checkpoint.Checkpoint.digest`, so what an engine loads can be compared with what was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from cell.objects import ObjectDamaged, ObjectNotFound, ObjectStore
from inference.engine.checkpoint import Checkpoint
from inference.gateway.brought import brought, leaves
from inference.gateway.kept_files import KeptFiles, LostFile

FORMAT = "bailiwick-model/1"
KEPT_SUFFIXES = frozenset({".json", ".safetensors", ".jinja", ".txt", ".model"})
"""Nothing else of a folder is kept: in particular no pickle."""


class ModelStoreError(Exception):
    """A checkpoint is not in the store, or not whole; the message says what to do."""


class KeptFile(msgspec.Struct, frozen=True):
    name: str
    """Path within the checkpoint."""
    sha256: str
    size: int
    """Bytes."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: str = FORMAT
    digest: str
    kind: str
    """`chat` or `embedding`."""
    files: list[KeptFile]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class ModelStore:
    objects: ObjectStore

    def keep(self, source: Path) -> Manifest:
        """Puts the checkpoint folder `source` into the store; what is there already is not written again.

        Raises CheckpointError for one that no engine could serve, and ObjectStoreError.
        """
        checkpoint = Checkpoint.open(source)
        files = [self._keep_file(source, path) for path in sorted(source.rglob("*")) if _is_kept(path)]
        manifest = Manifest(digest=checkpoint.digest(), kind=checkpoint.kind, files=files)
        # The last: a manifest vouches for all its files.
        self.objects.put(_manifest_key(manifest.digest), msgspec.json.encode(manifest))
        return manifest

    def manifest(self, digest: str) -> Manifest:
        """Raises ModelStoreError."""
        try:
            found = msgspec.json.decode(self.objects.get(_manifest_key(digest)), type=Manifest)
        except ObjectNotFound:
            raise ModelStoreError(f"the object store has no model {digest[:12]}…; import it again") from None
        except (ObjectDamaged, msgspec.DecodeError):
            raise ModelStoreError(f"the manifest of {digest[:12]}… is damaged; import the model again") from None
        if found.format != FORMAT or found.digest != digest or any(leaves(file.name) for file in found.files):
            raise ModelStoreError(f"the manifest of {digest[:12]}… is of something else; import the model again")
        return found

    def fetch(self, digest: str, folder: Path) -> Path:
        """The checkpoint's files below `folder / digest`, brought from the store unless they are there. Raises ModelStoreError, and
        then leaves nothing."""
        if (folder / digest).is_dir():
            return folder / digest
        manifest = self.manifest(digest)

        def bring(partial: Path) -> None:
            for file in manifest.files:
                self._fetch_file(file, partial / file.name)

        return brought(folder / digest, bring)

    @property
    def _files(self) -> KeptFiles:
        return KeptFiles(self.objects, "models/files/")

    def _keep_file(self, source: Path, path: Path) -> KeptFile:
        return KeptFile(path.relative_to(source).as_posix(), *self._files.keep(path))

    def _fetch_file(self, file: KeptFile, path: Path) -> None:
        try:
            self._files.fetch(file.sha256, path)
        except LostFile as lost:
            raise ModelStoreError(f"{lost}; import the model again") from None


def _is_kept(path: Path) -> bool:
    return path.is_file() and path.suffix in KEPT_SUFFIXES


def _manifest_key(digest: str) -> str:
    return f"models/manifests/{digest}"
