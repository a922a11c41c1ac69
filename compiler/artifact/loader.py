"""Loading: everything is checked before anything is run, and what does not fit is refused."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import torch
from torch.utils._pytree import TreeSpec, treespec_loads

from compiler.artifact.content import Bucket, Content
from compiler.artifact.fingerprint import chosen
from compiler.artifact.folder import GRAPH, KERNELS, MANIFEST, SIGNATURE, WEIGHTS
from compiler.artifact.manifest import BucketEntry, FileEntry, Manifest, StateEntry, TensorEntry, manifest_from
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.artifact.signature import Verify, message
from compiler.artifact.tensors import mapped
from compiler.ir.graph import Graph
from compiler.ir.stored import Unstorable, restored, restored_type
from compiler.ir.value import TensorType
from compiler.ir.verify import Broken
from compiler.ir.verify import verify as verify_graph
from compiler.native.step import Step

_ADDRESS = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


def load(path: Path, verify: Verify | None = None) -> Content:
    """The artifact in the folder `path`. Without `verify` whoever can write there is trusted. Raises Refused."""
    content = _read(path, MANIFEST)
    if verify is not None:
        _check_signature(path, content, verify)
    manifest = manifest_from(content)
    if _ADDRESS.fullmatch(path.name) and path.name != manifest.address:
        raise Refused(Reason.BYTES, f"what is in {path} is the artifact {manifest.address}", FETCH)
    variant = chosen(manifest.fingerprint)
    _check_files(path, manifest)
    names = {*manifest.reference.values(), *(name for bucket in manifest.buckets for name in bucket.weights)}
    try:
        return Content(
            graph=_graph(path),
            structure=_structure(manifest),
            axes=manifest.axes,
            states={name: _state(entry) for name, entry in manifest.states.items()},
            reference=manifest.reference,
            tensors=mapped(path / WEIGHTS, names),
            buckets=[_bucket(path, manifest, bucket, variant.name) for bucket in manifest.buckets] if variant else [],
            quantize=manifest.quantize,
            fingerprint=manifest.fingerprint,
            contract=manifest.contract,
            evidence=manifest.evidence,
        )
    except (Unstorable, Broken, KeyError) as error:
        raise Refused(Reason.SCHEMA, f"the artifact contradicts itself: {error}", FETCH) from error


def _read(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise Refused(Reason.MISSING, f"{path / name} cannot be read: {error.strerror}", FETCH) from error


def _check_signature(path: Path, manifest: bytes, verify: Verify) -> None:
    remedy = "Take the artifact from a cell whose key is trusted here, or compile it again"
    if not (path / SIGNATURE).is_file():
        raise Refused(Reason.SIGNATURE, f"{path} is not signed", remedy)
    if not verify(message(manifest), _read(path, SIGNATURE)):
        raise Refused(Reason.SIGNATURE, f"{path} is not signed by a key that is trusted here, or was changed", remedy)


def _check_files(path: Path, manifest: Manifest) -> None:
    """That they are all there, no others, and each as it was."""
    there = {str(found.relative_to(path)): found for found in path.rglob("*") if found != path / KERNELS}
    beside = {MANIFEST, SIGNATURE}
    if missing := sorted(manifest.files.keys() - there.keys()):
        raise Refused(Reason.MISSING, f"{path / missing[0]} is not there", FETCH)
    if foreign := sorted(there.keys() - manifest.files.keys() - beside):
        raise Refused(Reason.BYTES, f"{path / foreign[0]} is no part of the artifact", FETCH)
    for name, entry in manifest.files.items():
        if there[name].is_symlink() or not _is_as_saved(there[name], entry):
            raise Refused(Reason.BYTES, f"{path / name} is not as it was saved", FETCH)


def _is_as_saved(file: Path, entry: FileEntry) -> bool:
    if file.stat().st_size != entry.bytes:
        return False
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == entry.sha256


def _graph(path: Path) -> Graph:
    graph = restored(json.loads(_read(path, GRAPH)))
    verify_graph(graph)
    return graph


def _structure(manifest: Manifest) -> TreeSpec:
    try:
        return treespec_loads(manifest.structure)
    except Exception as error:  # torch raises kinds of its own for a class that nobody registered
        raise Refused(
            Reason.LIBRARY,
            f"the outputs are put together by a class that this process does not know ({error})",
            "Import the library that the module's outputs come from before you load the artifact",
        ) from error


def _state(entry: StateEntry) -> torch.Tensor:
    type_ = restored_type(entry.dtype, entry.shape)
    fill = float(entry.fill) if isinstance(entry.fill, str) else entry.fill
    return torch.full(entry.shape, fill, dtype=type_.dtype)


def _bucket(path: Path, manifest: Manifest, entry: BucketEntry, variant: str) -> Bucket:
    step = Step(
        tuple((each.name, _type(each)) for each in entry.inputs),
        tuple(_type(each) for each in entry.outputs),
        tuple((each.name, _type(each)) for each in entry.states),
        entry.arena_bytes,
        entry.scratch_bytes,
    )
    if variant not in entry.objects or not {entry.source, *entry.objects.values()} <= manifest.files.keys():
        raise KeyError(f"bucket {entry.sizes} names files that there are not")
    objects = {name: path / compiled for name, compiled in entry.objects.items()}
    return Bucket(entry.sizes, _read(path, entry.source).decode(), step, entry.weights, objects)


def _type(entry: TensorEntry) -> TensorType:
    return restored_type(entry.dtype, entry.shape)
