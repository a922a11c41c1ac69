"""The manifest: what is in an artifact, what for, and why it is believed. Its page is docs/formats/artifact.md."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec

from compiler.artifact.axis import Axis
from compiler.artifact.fingerprint import Fingerprint
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.tune import canonical

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


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    bytes: int


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


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found out on the way. It differs between two compilations of the same and is not in the address."""

    fallbacks: tuple[dict[str, Any], ...] = ()
    """Of each bucket that the reference serves, `sizes` and `reason`."""
    parity: tuple[dict[str, Any], ...] = ()
    measurements: tuple[dict[str, Any], ...] = ()


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    files: dict[str, FileEntry]
    """All but the manifest and its signature, by path in the folder."""
    evidence: Evidence

    @property
    def address(self) -> str:
        """SHA-256 over everything but the evidence: the same program, compiled for the same machine, has the same."""
        content = msgspec.to_builtins(self)
        del content["evidence"]
        return canonical.digest(content)

    def to_bytes(self) -> bytes:
        """Canonical JSON with a digest over all of it."""
        content = msgspec.to_builtins(self)
        return canonical.text({**content, "digest": canonical.digest(content)}).encode("ascii")


def manifest_from(content: bytes) -> Manifest:
    """Raises Refused."""
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise Refused(Reason.SCHEMA, f"the manifest is not JSON: {error}", FETCH) from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        said = fields.get("format") if isinstance(fields, dict) else None
        raise Refused(
            Reason.SCHEMA,
            f"the manifest is of the format {said!r}, this release reads {FORMAT!r}",
            "Compile the model again with this release, or load it with the one that made it",
        )
    digest = fields.pop("digest", None)
    if digest != canonical.digest(fields) or canonical.text({**fields, "digest": digest}).encode() != content:
        raise Refused(Reason.BYTES, "the manifest is not as it was saved: its digest does not fit", FETCH)
    try:
        return msgspec.convert(fields, Manifest, strict=True)
    except msgspec.ValidationError as error:
        raise Refused(Reason.SCHEMA, f"the manifest is not one of this release: {error}", FETCH) from error
