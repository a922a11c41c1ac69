"""Weights in the order in which the kernels read them: [N / 64][K / G][64] words of 32 bits, each G neighbours along K.

G is 4 for int8, 2 for bfloat16, 1 for float32; for int4 a word is 8 nibbles (value + 8), byte j holding k = j below and k = 4 + j
above. N is padded to whole tiles of 64 and K to whole words (int4: whole groups) with zeros. Packing changes no value:
`unpack` gives back what `pack` was given, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import pad

from compiler.backends.cpu.quantize import Int4, Int8

TILE = 64
INTERLEAVE = 16
"""Columns of gate and of up take turns by this many in a gated layer (`interleave`)."""
MOST_COLUMNS = 65_536
"""K of an int8 weight at most: beyond, 255 * 127 * K leaves 32 bits."""

Kind = Literal["int8", "bfloat16", "float32", "int4"]
_GROUP: dict[torch.dtype, int] = {torch.int8: 4, torch.bfloat16: 2, torch.float32: 1}
_KIND: dict[torch.dtype, Kind] = {torch.int8: "int8", torch.bfloat16: "bfloat16", torch.float32: "float32"}


@dataclass(frozen=True, slots=True)
class Packed:
    kind: Kind
    rows: int
    """N, outputs."""
    columns: int
    """K, inputs."""
    words: torch.Tensor
    """int32 [tiles, steps, 64]."""
    scales: torch.Tensor | None = None
    """int8: float32 [tiles * 64]; int4: bfloat16 [tiles, groups, 64]."""
    sums: torch.Tensor | None = None
    """int8: int32 [tiles * 64], 128 * the sum of each output's weights: what the activations' zero point adds to a product."""
    group: int = 0
    """int4: neighbours along K that share a scale."""

    @property
    def tiles(self) -> int:
        return self.words.shape[0]

    @property
    def bytes(self) -> int:
        tensors = (self.words, self.scales, self.sums)
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def pack(weight: torch.Tensor | Int8 | Int4) -> Packed:
    """Packs a weight [N, K]: bfloat16 or float32 as it is, integers from `quantize`. Raises ValueError."""
    if isinstance(weight, Int4):
        return _pack_int4(weight)
    values = weight.values if isinstance(weight, Int8) else weight.detach()
    if values.dim() != 2 or values.dtype not in _GROUP or 0 in values.shape:
        raise ValueError(
            f"no layout for {values.dtype} of shape {tuple(values.shape)}: quantize it, or make it bfloat16"
        )
    if values.dtype == torch.int8 and not isinstance(weight, Int8):
        raise ValueError("an int8 weight comes with its scales: give what quantize.int8 returned")
    rows, columns = values.shape
    words = _tiled(values, _GROUP[values.dtype])
    if not isinstance(weight, Int8):
        return Packed(_KIND[values.dtype], rows, columns, words)
    if columns > MOST_COLUMNS:
        raise ValueError(
            f"{columns} inputs: an int8 weight has at most {MOST_COLUMNS}, or its sums overflow; use bfloat16"
        )
    sums = values.sum(1, dtype=torch.int32) * 128
    return Packed("int8", rows, columns, words, _whole_tiles(weight.scales), _whole_tiles(sums))


def unpack(packed: Packed) -> torch.Tensor:
    """The values [N, K] that were packed; of integers without their scales."""
    tiles = packed.words.shape[0]
    if packed.kind == "int4":
        bytes_ = packed.words.view(torch.uint8).view(tiles, -1, TILE, 4)
        nibbles = torch.cat((bytes_ & 15, bytes_ >> 4), 3).to(torch.int8) - 8
        values = nibbles.permute(0, 2, 1, 3)
    else:
        dtype = next(dtype for dtype, kind in _KIND.items() if kind == packed.kind)
        values = packed.words.view(dtype).view(tiles, -1, TILE, _GROUP[dtype]).permute(0, 2, 1, 3)
    return values.reshape(tiles * TILE, -1)[: packed.rows, : packed.columns]


def interleave(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """The weights or biases of gate and up [F, ...] as those of one gated layer [2 * F', ...], F' being F padded to 32: 16 of
    gate, then 16 of up, and so on, so that a tile holds both factors of what it makes."""
    padding = (0, 0) * (gate.dim() - 1) + (0, -gate.shape[0] % (TILE // 2))
    parts = [pad(part, padding).unflatten(0, (-1, INTERLEAVE)) for part in (gate, up)]
    return torch.stack(parts, 1).flatten(0, 2)


def _tiled(values: torch.Tensor, group: int) -> torch.Tensor:
    values = pad(values, (0, -values.shape[1] % group, 0, -values.shape[0] % TILE))
    tiles = values.view(-1, TILE, values.shape[1] // group, group).transpose(1, 2).contiguous()
    return tiles.view(torch.int32).squeeze(3)


def _pack_int4(weight: Int4) -> Packed:
    rows = weight.values.shape[0]
    # Padding in N is nibble 8, which is 0, with scale 0.
    values = pad(weight.values, (0, 0, 0, -rows % TILE))
    nibbles = (values + 8).to(torch.uint8).view(-1, TILE, values.shape[1] // 8, 2, 4)
    bytes_ = (nibbles[:, :, :, 0] | nibbles[:, :, :, 1] << 4).transpose(1, 2).contiguous()
    words = bytes_.view(torch.int32).squeeze(3)
    scales = pad(weight.scales, (0, 0, 0, -rows % TILE)).view(-1, TILE, weight.scales.shape[1])
    return Packed("int4", rows, weight.columns, words, scales.transpose(1, 2).contiguous(), group=weight.group)


def _whole_tiles(values: torch.Tensor) -> torch.Tensor:
    return pad(values, (0, -values.shape[0] % TILE))
