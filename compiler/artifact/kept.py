"""Steps that a folder keeps: a second start captures, folds and packs nothing, and has its weights once, as the file's pages.

A cache and no artifact: nobody vouches for it but whoever can write to the folder. It is made again where it is damaged, and where
other code made it.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import torch

from compiler.artifact.addressed import Addressed, manifest_of
from compiler.artifact.publication import MANIFEST, Unsaved, check_files, publish, read
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.artifact.step_folder import Held, read_step, write_step
from compiler.backends.cpu import isa
from compiler.native.source import Source

KEPT = "kept"
FORMAT: Final = "bailiwick-kept-step/1"
_COMPILER = Path(__file__).parent.parent
_CODE = ("*.py", "*.h", "*.cpp")
_DECLINED = ".declined"


class Declined(Exception):
    """There will be no step; the message says why."""


class _Manifest(Addressed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["bailiwick-kept-step/1"] = FORMAT
    subject: str
    release: str


def kept(
    folder: Path,
    subject: str,
    made_by: tuple[Path, ...],
    make: Callable[[], Source],
    declines: type[Exception] = Declined,
) -> Held:
    """The step of `subject`, which says all that it is made from but the code: `made_by` are files and folders of that, beside the
    compiler's own. Made by `make` where `folder` does not have it whole from this code; what it has instead is removed.

    Where nothing can be written it is held in memory, and says so. Raises what `make` raises; that it raised `declines`, with a
    message alone, is kept as well, and raised again without asking it.
    """
    place, release = folder / KEPT / hashlib.sha256(subject.encode()).hexdigest()[:32], release_of(*made_by)
    if (reason := _declined(place, release)) is not None:
        raise declines(reason)
    for path in sorted(place.glob("[!.]*")):  # the others are being written
        try:
            return _opened(path, subject, release)
        except Refused:
            shutil.rmtree(path, ignore_errors=True)
    try:
        source = make()
    except declines as error:
        _decline(place, release, str(error))
        raise
    target = _publish(source, place, subject, release)
    if isinstance(target, Held):
        return target
    # The tensors are on the disk: what they were packed in, and from, may refer to itself in circles.
    gc.collect()
    return read_step(target)


@lru_cache
def release_of(*made_by: Path) -> str:
    """SHA-256 over the code that makes a step, and over what else its bytes depend on here."""
    total = hashlib.sha256(f"{torch.__version__}\n{isa.best().name}\n".encode())
    for root in (_COMPILER, *made_by):
        files = [root] if root.is_file() else sorted(path for pattern in _CODE for path in root.rglob(pattern))
        for path in files:
            total.update(f"{path.relative_to(root.parent)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _publish(source: Source, place: Path, subject: str, release: str) -> Path | Held:
    def fill(work: Path) -> _Manifest:
        return _Manifest(files=write_step(Held.of(source), work), subject=subject, release=release)

    try:
        return publish(place, fill)
    except Unsaved as error:
        return Held.of(source, str(error))


def _declined(place: Path, release: str) -> str | None:
    """Why there is no step, if this code said so before."""
    try:
        said = json.loads((place / _DECLINED).read_bytes())
        return str(said["reason"]) if said["release"] == release else None
    except (OSError, ValueError, KeyError, TypeError):
        # Nothing was said, or nothing that can be read: it is asked again.
        return None


def _decline(place: Path, release: str, reason: str) -> None:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = place / f"{_DECLINED}.{os.getpid()}"
        unfinished.write_text(json.dumps({"release": release, "reason": reason}))
        unfinished.replace(place / _DECLINED)
    except OSError:
        # On a full disk it is asked at each start, as it would be without a folder.
        return


def _opened(path: Path, subject: str, release: str) -> Held:
    """Raises Refused."""
    manifest = manifest_of(read(path, MANIFEST), _Manifest, FORMAT)
    if (manifest.subject, manifest.release) != (subject, release):
        raise Refused(Reason.LIBRARY, f"{path} was made by other code", FETCH)
    check_files(path, manifest)
    return read_step(path)
