"""Checkpoints in the cell's object store: each file by its hash, each checkpoint by its digest, checked whenever they are read.

    models/files/SHA256         a file's bytes, once however many checkpoints have it
    models/manifests/DIGEST     JSON: which files under which names make the checkpoint of that digest

The digest is `inference.engine.checkpoint.Checkpoint.digest`, so what an engine loads can be compared with what was kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from cell.objects import ObjectDamaged, ObjectNotFound, ObjectStore
from inference.engine.checkpoint import Checkpoint

FORMAT = "bailiwick-model/1"
KEPT_SUFFIXES = frozenset({".json", ".safetensors", ".jinja", ".txt", ".model"})
"""Nothing else of a folder is kept: in particular no pickle."""
_READ_BYTES = 1 << 20


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
        if found.format != FORMAT or found.digest != digest or any(_leaves(file.name) for file in found.files):
            raise ModelStoreError(f"the manifest of {digest[:12]}… is of something else; import the model again")
        return found

    def fetch(self, digest: str, folder: Path) -> Path:
        """The checkpoint's files below `folder / digest`, brought from the store unless they are there. Raises ModelStoreError, and
        then leaves nothing."""
        target = folder / digest
        if target.is_dir():
            return target
        manifest = self.manifest(digest)
        partial = folder / f".{digest}.{os.getpid()}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            for file in manifest.files:
                self._fetch_file(file, partial / file.name)
            try:
                partial.rename(target)
            except OSError:
                if not target.is_dir():  # another process was quicker
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target

    def _keep_file(self, source: Path, path: Path) -> KeptFile:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
            key = _file_key(digest)
            kept = self.objects.versions(key)
            if not kept or kept[-1].is_marker or kept[-1].size != size:
                opened.seek(0)
                self.objects.put(key, opened, sha256=digest)
        return KeptFile(path.relative_to(source).as_posix(), digest, size)

    def _fetch_file(self, file: KeptFile, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        seen = hashlib.sha256()
        try:
            with self.objects.open(_file_key(file.sha256)) as stored, path.open("wb") as written:
                while block := stored.read(_READ_BYTES):
                    seen.update(block)
                    written.write(block)
        except ObjectNotFound:
            raise ModelStoreError(f"the object store has lost {file.name}; import the model again") from None
        except ObjectDamaged:
            raise _damaged(file) from None
        if seen.hexdigest() != file.sha256:
            raise _damaged(file)


def _damaged(file: KeptFile) -> ModelStoreError:
    return ModelStoreError(f"{file.name} is damaged in the object store; import the model again")


def _is_kept(path: Path) -> bool:
    return path.is_file() and path.suffix in KEPT_SUFFIXES


def _leaves(name: str) -> bool:
    """Whether a file of that name could lie outside of its checkpoint's folder."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _manifest_key(digest: str) -> str:
    return f"models/manifests/{digest}"


def _file_key(digest: str) -> str:
    return f"models/files/{digest}"
