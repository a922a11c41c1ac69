"""Safetensors files: their headers, a check that every value is finite, and reading into torch.

The header is parsed here rather than by the safetensors package so that a truncated or hostile file gets an error that
names the file and the tensor, and so that validating a checkpoint needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from inference.engine.errors import CheckpointError

if TYPE_CHECKING:
    import torch

MAX_HEADER_BYTES = 100 * 1024 * 1024
"""The format's own limit."""
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOATS = ("F32", "F16", "BF16")
_EXPONENT: dict[str, tuple[Any, int]] = {
    "F32": (numpy.uint32, 0x7F80_0000),
    "F16": (numpy.uint16, 0x7C00),
    "BF16": (numpy.uint16, 0x7F80),
}
_NUMPY = {"F32": numpy.float32, "F16": numpy.float16, "BF16": numpy.uint16}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor lies: `start` and `end` are byte offsets in `file`."""

    name: str
    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name. Raises CheckpointError unless the file is whole and well formed."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise CheckpointError(f"{file.name}: not a whole safetensors file ({size} bytes); download it again")
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            raise CheckpointError(f"{file.name}: its header is not JSON; download the file again") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{file.name}: its header is not an object; download the file again")
    tensors = {name: _entry(file, name, entry, 8 + length) for name, entry in header.items() if name != "__metadata__"}
    end = 8 + length
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.start):
        if tensor.start != end:
            raise CheckpointError(
                f"{file.name}: tensor {tensor.name!r} overlaps or leaves a gap; download the file again"
            )
        end = tensor.end
    if end != size:
        raise CheckpointError(
            f"{file.name}: has {size} bytes where its header promises {end}; the file is truncated or was appended to: "
            "download it again"
        )
    return tensors


def _entry(file: Path, name: str, entry: object, base: int) -> Tensor:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]  # type: ignore[index]
        whole = all(type(number) is int and number >= 0 for number in (*shape, start, end))
    except (TypeError, KeyError, ValueError):
        whole = False
    if not whole:
        raise CheckpointError(f"{file.name}: the entry of tensor {name!r} is malformed; download the file again")
    if dtype not in ITEM_BYTES:
        raise CheckpointError(f"{file.name}: tensor {name!r} has the type {dtype}, which this engine does not read")
    if end - start != prod(shape) * ITEM_BYTES[dtype]:
        raise CheckpointError(f"{file.name}: tensor {name!r} has the wrong number of bytes; download the file again")
    return Tensor(name, file, dtype, shape, base + start, base + end)


def check_finite(tensor: Tensor) -> None:
    """Raises CheckpointError when a floating-point tensor holds a NaN or an infinity; reads the file once, in pieces."""
    kind, exponent = _EXPONENT[tensor.dtype]
    values = numpy.memmap(
        tensor.file, dtype=numpy.uint8, mode="r", offset=tensor.start, shape=(tensor.end - tensor.start,)
    )
    step = _CHUNK * numpy.dtype(kind).itemsize
    for start in range(0, len(values), step):
        bits = numpy.frombuffer(values[start : start + step].tobytes(), dtype=kind)
        # All exponent bits set is the encoding of infinity and NaN in every IEEE format and in bfloat16.
        if ((bits & exponent) == exponent).any():
            raise nonfinite(tensor)


def nonfinite(tensor: Tensor) -> CheckpointError:
    return CheckpointError(
        f"{tensor.file.name}: tensor {tensor.name!r} holds NaN or infinite values; use a checkpoint whose weights are finite"
    )


def read_tensors(tensors: Iterable[Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor as stored, mapped from its file: copy it, do not keep it. Raises CheckpointError when one is not finite."""
    import torch

    for tensor in tensors:
        check_finite(tensor)
        # Copy-on-write, because torch does not know arrays that cannot be written; nothing is.
        values = numpy.memmap(
            tensor.file, dtype=_NUMPY[tensor.dtype], mode="c", offset=tensor.start, shape=tensor.shape
        )
        mapped = torch.from_numpy(values)
        yield tensor.name, mapped.view(torch.bfloat16) if tensor.dtype == "BF16" else mapped
