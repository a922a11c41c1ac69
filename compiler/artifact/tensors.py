"""Tensors by the hash of what they hold, in one safetensors file: two buckets that read the same weight have it once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from compiler.artifact.refusal import FETCH, Reason, Refused

ALIGNMENT = 64
"""Bytes: where each tensor begins in memory once the file is mapped. Kernels read whole cache lines."""
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class Tensors(dict[str, torch.Tensor]):
    """By name, which is the hash."""

    def keep(self, tensor: torch.Tensor) -> str:
        """The name of `tensor`. Raises ValueError for a type that no file holds."""
        if tensor.dtype not in _DTYPES:
            raise ValueError(f"an artifact does not hold tensors of {tensor.dtype}; cast them before")
        tensor = tensor.detach().contiguous()
        digest = hashlib.sha256(f"{_DTYPES[tensor.dtype]}{list(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
        name = digest.hexdigest()
        self.setdefault(name, tensor)
        return name


def chunks(tensors: Mapping[str, torch.Tensor]) -> Iterator[bytes | memoryview]:
    """The file, piece by piece, the same for the same tensors. Each begins at a multiple of ALIGNMENT."""
    header: dict[str, object] = {}
    pieces: list[bytes | memoryview] = []
    at = 0
    for name, tensor in sorted(tensors.items()):
        padding = -at % ALIGNMENT
        if padding:
            # The format has no gaps: what fills one is a tensor as well.
            header[f"padding.{at}"] = {"dtype": "U8", "shape": [padding], "data_offsets": [at, at + padding]}
            pieces.append(bytes(padding))
            at += padding
        content = _bytes(tensor.detach().contiguous())
        end = at + len(content)
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        pieces.append(content)
        at = end
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    yield len(text).to_bytes(8, "little") + text
    yield from pieces


def mapped(path: Path, names: Iterable[str]) -> Tensors:
    """Those of `names` in the file, read from the disk when they are first used. Raises Refused."""
    found = Tensors()
    try:
        with safe_open(path, framework="pt") as file:
            for name in names:
                found[name] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise Refused(
            Reason.BYTES, f"{path.name} does not hold the weights that the manifest names: {error}", FETCH
        ) from error
    return found


def _bytes(tensor: torch.Tensor) -> memoryview:
    return memoryview(tensor.reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]  # NumPy arrays are buffers
