"""Loading: everything is checked before anything is run, and what does not fit is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils._pytree import TreeSpec, treespec_loads

from compiler.artifact.content import AnyBucket, Bucket, Content, PlannedBucket
from compiler.artifact.fingerprint import Fingerprint, chosen, fits_gpu
from compiler.artifact.folder import GRAPH, WEIGHTS, planned_text
from compiler.artifact.kernel_folder import otherwise, sources_of
from compiler.artifact.manifest import BucketEntry, Manifest, PlannedEntry, StateEntry, TensorEntry, manifest_from
from compiler.artifact.publication import MANIFEST, check_files, check_signature, read
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.artifact.signature import Verify
from compiler.artifact.tensors import mapped
from compiler.backends.triton.described import restored_cuts
from compiler.backends.triton.plans import Cuts, Plan
from compiler.ir.graph import Graph
from compiler.ir.stored import Unstorable, restored, restored_type
from compiler.ir.value import TensorType
from compiler.ir.verify import Broken
from compiler.ir.verify import verify as verify_graph
from compiler.native.step import Step
from compiler.tune import canonical

_ADDRESS = re.compile(r"[0-9a-f]{64}")


Replan = Callable[[Graph, Cuts], Plan]
"""From a bucket's graph, and what was tuned of it, to what would be launched here."""


@dataclass(frozen=True)
class OnGpu:
    """The GPU that an artifact of one is opened for."""

    fingerprint: Fingerprint
    replan: Replan


def load(path: Path, verify: Verify | None, opened_for: Callable[[str], OnGpu | None]) -> Content:
    """The artifact in the folder `path`. Without `verify` whoever can write there is trusted. `opened_for` says for which GPU one
    of its kind is opened; None is this machine's processor. Raises Refused, or what that raises."""
    content = read(path, MANIFEST)
    if verify is not None:
        check_signature(path, content, verify)
    manifest = manifest_from(content)
    if _ADDRESS.fullmatch(path.name) and path.name != manifest.address:
        raise Refused(Reason.BYTES, f"what is in {path} is the artifact {manifest.address}", FETCH)
    variant, gpu = None, opened_for(manifest.fingerprint.kind)
    if gpu is None:
        variant = chosen(manifest.fingerprint)
    else:
        fits_gpu(manifest.fingerprint, gpu.fingerprint)
    check_files(path, manifest)
    try:
        buckets: list[AnyBucket] = []
        if gpu is not None:
            buckets += [_planned(path, entry, gpu.replan) for entry in manifest.planned]
        elif variant is not None:
            buckets += [_bucket(path, manifest, entry, variant.name) for entry in manifest.buckets]
        names = {*manifest.reference.values(), *(name for bucket in buckets for name in bucket.tensors)}
        return Content(
            graph=_graph(path),
            structure=_structure(manifest),
            axes=manifest.axes,
            states={name: _state(entry) for name, entry in manifest.states.items()},
            reference=manifest.reference,
            tensors=mapped(path / WEIGHTS, names),
            buckets=buckets,
            quantize=manifest.quantize,
            fingerprint=manifest.fingerprint,
            contract=manifest.contract,
            evidence=manifest.evidence,
        )
    except (Unstorable, Broken, KeyError, TypeError) as error:
        raise Refused(Reason.SCHEMA, f"the artifact contradicts itself: {error}", FETCH) from error


def _graph(path: Path) -> Graph:
    graph = restored(json.loads(read(path, GRAPH)))
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
    return Bucket(entry.sizes, read(path, entry.source).decode(), step, entry.weights, objects)


def _planned(path: Path, entry: PlannedEntry, replan: Replan) -> PlannedBucket:
    content = json.loads(read(path, entry.plan))
    graph = restored(content["graph"])
    verify_graph(graph)
    cuts = restored_cuts(content["cuts"])
    bucket = PlannedBucket(entry.sizes, replan(graph, cuts), dict(content["weights"]), cuts)
    sources = sources_of(bucket.plan.launches)
    as_proven = planned_text(bucket) == canonical.text(content).encode() and entry.kernels == tuple(sources)
    if not as_proven or any(read(path, name) != source for name, source in sources.items()):
        raise otherwise()
    return bucket


def _type(entry: TensorEntry) -> TensorType:
    return restored_type(entry.dtype, entry.shape)
