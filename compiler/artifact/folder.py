"""Saving: a folder under its own address, which is there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.utils._pytree import treespec_dumps

from compiler.artifact.content import Bucket, Content
from compiler.artifact.fingerprint import headers
from compiler.artifact.manifest import FORMAT, BucketEntry, FileEntry, Manifest, StateEntry, TensorEntry
from compiler.artifact.signature import Sign, message
from compiler.artifact.tensors import chunks
from compiler.durable import sync_folder
from compiler.ir.stored import stored, stored_type
from compiler.ir.value import TensorType
from compiler.tune import canonical
from compiler.tune.journal import FULL

MANIFEST, SIGNATURE, GRAPH, WEIGHTS, KERNELS = (
    "manifest.json",
    "signature",
    "graph.json",
    "weights.safetensors",
    "kernels",
)
_SAVING = ".saving-"
_STALE = 60.0
"""Seconds: no writer takes longer from making its folder to locking it."""


class Unsaved(Exception):
    """Nothing was saved; the message says what to do. What was there is as it was."""


def save(content: Content, into: Path, sign: Sign | None = None) -> Path:
    """Writes `into`/ADDRESS, and returns that. What is there under the address already stays. Raises Unsaved."""
    states = {name: _fill(name, state) for name, state in content.states.items()}
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(into)
        work = Path(tempfile.mkdtemp(prefix=_SAVING, dir=into))
        lock = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            manifest = _write_all(content, states, work)
            written = manifest.to_bytes()
            _write(work / MANIFEST, [written])
            if sign is not None:
                _write(work / SIGNATURE, [sign(message(written))])
            sync_folder(work / KERNELS)
            sync_folder(work)
            target = into / manifest.address
            if not target.exists():
                _take_place(work, target)
                sync_folder(into)
        finally:
            os.close(lock)
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        if error.errno in FULL:
            raise Unsaved(f"the disk of {into} is full: free some space, or give another folder") from error
        raise Unsaved(
            f"{into} cannot be written to: {error.strerror}. Give a folder that this process may write to"
        ) from error
    return target


def _take_place(work: Path, target: Path) -> None:
    try:
        work.rename(target)
    except OSError:
        # Another process was first with the same content.
        if not target.exists():
            raise


def _write_all(content: Content, states: dict[str, StateEntry], work: Path) -> Manifest:
    files: dict[str, FileEntry] = {}

    def put(name: str, pieces: Iterable[bytes | memoryview]) -> str:
        files[name] = _write(work / name, pieces)
        return name

    (work / KERNELS).mkdir(mode=0o700)
    for name, text in headers().items():
        put(f"{KERNELS}/{name}", [text.encode()])
    buckets = []
    for number, bucket in enumerate(content.buckets):
        source = put(f"{KERNELS}/step-{number}.cpp", [bucket.text.encode()])
        objects = {
            variant: put(f"{KERNELS}/step-{number}.{variant}.so", [path.read_bytes()])
            for variant, path in bucket.objects.items()
        }
        buckets.append(_entry(bucket, source, objects))
    graph = canonical.text(stored(content.graph)).encode()
    put(GRAPH, [graph])
    put(WEIGHTS, chunks(content.tensors))
    return Manifest(
        format=FORMAT,
        model=canonical.digest(dict(content.reference)),
        graph=files[GRAPH].sha256,
        structure=treespec_dumps(content.structure),
        axes=dict(content.axes),
        states=states,
        reference=dict(content.reference),
        buckets=tuple(buckets),
        quantize=content.quantize,
        fingerprint=content.fingerprint,
        contract=dict(content.contract),
        files=files,
        evidence=content.evidence,
    )


def _entry(bucket: Bucket, source: str, objects: dict[str, str]) -> BucketEntry:
    step = bucket.step
    return BucketEntry(
        sizes=dict(bucket.sizes),
        source=source,
        objects=objects,
        weights=tuple(bucket.weights),
        inputs=tuple(tensor_entry(type_, name) for name, type_ in step.inputs),
        outputs=tuple(tensor_entry(type_) for type_ in step.outputs),
        states=tuple(tensor_entry(type_, name) for name, type_ in step.states),
        arena_bytes=step.arena_bytes,
        scratch_bytes=step.scratch_bytes,
    )


def tensor_entry(type_: TensorType, name: str = "") -> TensorEntry:
    return TensorEntry(**stored_type(type_), name=name)


def _fill(name: str, state: torch.Tensor) -> StateEntry:
    """Raises Unsaved for a cache that holds more than one number."""
    first = state.reshape(-1)[0]
    same = state.isnan() if bool(first.isnan()) else state == first
    if not bool(same.all()):
        raise Unsaved(
            f"the cache {name} holds what a call left in it, and nothing of a call is ever saved: reset the module's caches "
            "before you compile it"
        )
    fill = first.item()
    return StateEntry(
        **stored_type(TensorType(tuple(state.shape), state.dtype)), fill=fill if math.isfinite(fill) else str(fill)
    )


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return FileEntry(digest.hexdigest(), size)


def _sweep(into: Path) -> None:
    """Removes what a killed process left: nobody holds the lock of its folder any more."""
    for left in into.glob(f"{_SAVING}*"):
        try:
            lock = os.open(left, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - os.fstat(lock).st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
