"""The manifest: what is in an artifact, what for, and why it is believed. Its page is docs/formats/artifact.md."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from compiler.artifact.addressed import Addressed, manifest_of
from compiler.artifact.axis import Axis
from compiler.artifact.fingerprint import Fingerprint

FORMAT: Final = "bailiwick-artifact/1"


class TensorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    name: str = ""
    """Empty for an output, which has none."""


class StateEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cache: never its content, which is of calls."""

    dtype: str
    shape: tuple[int, ...]
    fill: bool | int | float | str
    """What all its elements are in a new session; `inf`, `-inf` and `nan` as text, for JSON has no such numbers."""


class BucketEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sizes: dict[str, int]
    """Of each axis."""
    source: str
    objects: dict[str, str]
    """Of each instruction set the file of its shared object."""
    weights: tuple[str, ...]
    """Names of tensors in weights.safetensors, in the order in which the step reads them."""
    inputs: tuple[TensorEntry, ...]
    outputs: tuple[TensorEntry, ...]
    states: tuple[TensorEntry, ...]
    arena_bytes: int
    scratch_bytes: int


class PlannedEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a GPU."""

    sizes: dict[str, int]
    """Of each axis."""
    plan: str
    """File of the program as it is planned, its weights' tensors, and what is launched."""
    kernels: tuple[str, ...]
    """Files of the sources of what is launched, sorted."""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found out on the way. It differs between two compilations of the same and is not in the address."""

    fallbacks: tuple[dict[str, Any], ...] = ()
    """Of each bucket that the reference serves, `sizes` and `reason`."""
    parity: tuple[dict[str, Any], ...] = ()
    measurements: tuple[dict[str, Any], ...] = ()


class Manifest(Addressed, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    format: Literal["bailiwick-artifact/1"]
    model: str
    """SHA-256 over names and hashes of the module's own weights."""
    graph: str
    """SHA-256 of graph.json."""
    structure: str
    """Of the outputs, as `torch.utils._pytree.treespec_dumps` writes it."""
    axes: dict[str, Axis]
    states: dict[str, StateEntry]
    reference: dict[str, str]
    """Of each weight in the graph the name of its tensor in weights.safetensors."""
    buckets: tuple[BucketEntry, ...]
    quantize: str | None
    fingerprint: Fingerprint
    contract: dict[str, Any]
    """What parity had to show."""
    evidence: Evidence
    planned: tuple[PlannedEntry, ...] = ()
    """Buckets of a GPU, in the place of `buckets`."""


def manifest_from(content: bytes) -> Manifest:
    """Raises Refused."""
    return manifest_of(content, Manifest, FORMAT)
