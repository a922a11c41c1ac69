"""Saving: what a compilation gave, as a folder under its own address."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.utils._pytree import treespec_dumps

from compiler.artifact.addressed import FileEntry
from compiler.artifact.content import Bucket, Content, PlannedBucket
from compiler.artifact.fingerprint import headers
from compiler.artifact.kernel_folder import sources_of
from compiler.artifact.manifest import FORMAT, BucketEntry, Manifest, PlannedEntry, StateEntry, TensorEntry
from compiler.artifact.publication import KERNELS, Unsaved, publish, write
from compiler.artifact.signature import Sign
from compiler.artifact.tensors import chunks
from compiler.backends.triton.described import described, plain_cuts
from compiler.ir.stored import stored, stored_type
from compiler.ir.value import TensorType
from compiler.tune import canonical

GRAPH, WEIGHTS = "graph.json", "weights.safetensors"


def save(content: Content, into: Path, sign: Sign | None = None) -> Path:
    """Writes `into`/ADDRESS, and returns that. What is there under the address already stays. Raises Unsaved."""
    states = {name: _fill(name, state) for name, state in content.states.items()}
    return publish(into, lambda work: _write_all(content, states, work), sign)


def _write_all(content: Content, states: dict[str, StateEntry], work: Path) -> Manifest:
    files: dict[str, FileEntry] = {}

    def put(name: str, pieces: Iterable[bytes | memoryview]) -> str:
        files[name] = write(work / name, pieces)
        return name

    if content.fingerprint.kind == "cpu":
        for name, text in headers().items():
            put(f"{KERNELS}/{name}", [text.encode()])
    buckets, planned = [], []
    for number, bucket in enumerate(content.buckets):
        if isinstance(bucket, PlannedBucket):
            plan = put(f"plan-{number}.json", [planned_text(bucket)])
            sources = sources_of(bucket.plan.launches)
            for name in sources.keys() - files.keys():
                put(name, [sources[name]])
            planned.append(PlannedEntry(dict(bucket.sizes), plan, tuple(sources)))
            continue
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
        planned=tuple(planned),
        quantize=content.quantize,
        fingerprint=content.fingerprint,
        contract=dict(content.contract),
        files=files,
        evidence=content.evidence,
    )


def planned_text(bucket: PlannedBucket) -> bytes:
    """All of a GPU's bucket but tensors and sources."""
    content = {
        "graph": stored(bucket.plan.graph),
        "weights": dict(bucket.weights),
        "cuts": plain_cuts(bucket.cuts),
        "plan": described(bucket.plan),
    }
    return canonical.text(content).encode()


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
