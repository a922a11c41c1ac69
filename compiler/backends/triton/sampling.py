"""The next token of each row of logits in four launches, decided by given uniform numbers: the same numbers, the same tokens.

Temperature, then the k likeliest, then the likeliest that hold p of what those have, then the token at the uniform number's share
of what is left, in the order of the vocabulary. A temperature below 1e-5 is greedy, k of 0 and p of 1 cut nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from compiler.backends.triton.launch import bound
from compiler.backends.triton.plans import Launch
from compiler.backends.triton.sources import Constant, from_template
from compiler.backends.triton.tiles import power_above
from compiler.ir.value import TensorType

BLOCK = 2048
"""Logits that a program looks at together."""
BINS = 512
"""Into which logits are counted by how far they are below the largest."""
REACH = 104.0
"""Further below, in units of the temperature, exp gives 0."""
WAYS = 8
"""Borders that are tried at once; more spill."""
FEW = 128
"""Logits that are compared each with each."""
_WARPS = {"peaks": 8, "weigh": 8, "gather": 8, "draw": 16}
_ARGUMENTS = {
    "peaks": ("logits", "tops", "places"),
    "weigh": ("logits", "temperature", "tops", "masses", "counts", "histogram"),
    "gather": (
        *("logits", "temperature", "top_k", "top_p", "tops", "masses", "counts", "histogram"),
        *("values", "indices", "kept", "lowest"),
    ),
    "draw": (
        *("logits", "temperature", "top_k", "top_p", "uniform", "tops", "places", "masses", "histogram"),
        *("values", "indices", "kept", "lowest", "tokens"),
    ),
}
"""Of each kernel, in its order."""
_CONSTANTS = {
    "peaks": ("VOCABULARY", "TILES", "BLOCK"),
    "weigh": ("VOCABULARY", "TILES", "TILES_ABOVE", "BLOCK", "REACH", "BINS"),
    "gather": ("VOCABULARY", "TILES", "TILES_ABOVE", "BLOCK", "REACH", "BINS"),
    "draw": ("VOCABULARY", "TILES", "TILES_ABOVE", "BLOCK", "BINS", "WAYS", "FEW"),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is launched for a number of rows, in this order, and the tensors that it takes by their names."""

    launches: Sequence[Launch]
    tensors: Mapping[str, TensorType]


def drawing(rows: int, vocabulary: int, dtype: torch.dtype, *, block: int = BLOCK) -> Drawing:
    """Raises ValueError for a vocabulary that counts in float32 cannot hold."""
    if not 0 < vocabulary < 1 << 24 or rows < 1:
        raise ValueError(f"{rows} rows of {vocabulary} tokens have no kernel; use the reference")
    count = -(-vocabulary // block)
    number, whole = TensorType((rows,), torch.float32), TensorType((rows,), torch.int32)
    tensors = {
        "logits": TensorType((rows, vocabulary), dtype),
        **dict.fromkeys(("temperature", "top_p", "uniform"), number),
        **dict.fromkeys(("top_k", "kept", "lowest"), whole),
        **dict.fromkeys(("tops", "masses"), TensorType((rows, count), torch.float32)),
        "places": TensorType((rows, count), torch.int32),
        "counts": TensorType((rows, count, BINS), torch.int16),
        "histogram": TensorType((rows, BINS), torch.int32),
        "values": TensorType((rows, vocabulary), torch.float32),
        "indices": TensorType((rows, vocabulary), torch.int32),
        "tokens": TensorType((rows,), torch.int64),
    }
    constants: dict[str, Constant] = {
        "VOCABULARY": vocabulary,
        "TILES": count,
        "TILES_ABOVE": power_above(count),
        "BLOCK": block,
        "REACH": REACH,
        "BINS": BINS,
        "WAYS": WAYS,
        "FEW": FEW,
    }
    title = f"the next tokens of {tensors['logits']}"
    launches = []
    for entry, names in _ARGUMENTS.items():
        own = {name: constants[name] for name in _CONSTANTS[entry]}
        grid = (rows, 1 if entry == "draw" else count, 1)
        arguments = tuple(tensors[name] for name in names)
        launches.append(Launch(None, from_template(entry, title, own), grid, arguments, own, _WARPS[entry], 1))
    return Drawing(launches, tensors)


class Sampler:
    """For a number of rows; reads everything from memory of its own, so that a CUDA graph can hold it."""

    def __init__(
        self, logits: torch.Tensor, folder: Path, *, block: int = BLOCK, beside: Sampler | None = None
    ) -> None:
        """`logits` [rows, vocabulary] are read where they lie, at each call. With one `beside` it, of as many rows or more, it
        takes turns in the same memory. Raises ValueError, NoTriton, NotCompiled."""
        rows, vocabulary = logits.shape
        made = drawing(rows, vocabulary, logits.dtype, block=block)
        if not logits.is_contiguous():
            raise ValueError("logits lie one row after another")
        self._tensors = {"logits": logits}
        for name, type_ in made.tensors.items():
            if name != "logits":
                shared = None if beside is None else beside._tensors[name][:rows]
                self._tensors[name] = (
                    torch.zeros(type_.shape, dtype=type_.dtype, device=logits.device) if shared is None else shared  # type: ignore[arg-type]  # of numbers
                )
        self._calls = [
            bound(launch, [self._tensors[name] for name in names], folder)
            for launch, names in zip(made.launches, _ARGUMENTS.values(), strict=True)
        ]

    @property
    def tokens(self) -> torch.Tensor:
        """[rows] of the last call; -1 where the logits were not finite."""
        return self._tensors["tokens"]

    def fill(self, temperature: torch.Tensor, top_k: torch.Tensor, top_p: torch.Tensor, uniform: torch.Tensor) -> None:
        """What decides the next call; each [rows]."""
        given = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "uniform": uniform}
        for name, tensor in given.items():
            self._tensors[name].copy_(tensor, non_blocking=True)

    @property
    def bytes(self) -> int:
        """Memory of its own."""
        return sum(int(tensor.nbytes) for tensor in self.memories)

    def wipe(self) -> int:
        """Zeroes all but the logits, which are whose they are; the number of bytes."""
        return sum(int(tensor.zero_().nbytes) for tensor in self.memories)

    @property
    def memories(self) -> Sequence[torch.Tensor]:
        """All of it."""
        return [tensor for name, tensor in self._tensors.items() if name != "logits"]

    def run(self) -> torch.Tensor:
        """The tokens int64 [rows], until the next call."""
        for call in self._calls:
            call()
        return self.tokens
