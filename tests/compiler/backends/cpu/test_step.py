"""A decoder layer as one native call, written as generated code will be: every thread does its part, with five barriers."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from compiler.backends.cpu import isa, layout, quantize, toolchain
from compiler.backends.cpu.bindings import pointer
from compiler.backends.cpu.layout import Packed

WIDTH, HEADS, KV_HEADS, HEAD_DIM, FEATURES, BLOCK, ROWS = 96, 6, 2, 16, 200, 16, 3
QKV = (HEADS + 2 * KV_HEADS) * HEAD_DIM
EPS = 1e-6

SOURCE = """
#include "attention.h"
#include "matmul.h"
#include "norm.h"
#include "rope.h"
using namespace kernels;

// In a namespace of its own a step may use any name.
namespace generated {

constexpr long ROWS = %(ROWS)d, WIDTH = %(WIDTH)d, HEADS = %(HEADS)d, KV = %(KV_HEADS)d, DIM = %(HEAD_DIM)d;
constexpr long FEATURES = %(FEATURES)d, QKV = (HEADS + 2 * KV) * DIM, WIDEST = 256, TILES = 16;

struct Packed { const int32_t* words; const float* scales; const int32_t* sums; long steps, tiles; };
struct Layer { Packed qkv, out, gate_up, down; const float *norm1, *norm2; };

static float heads[ROWS * QKV], mixed[ROWS * HEADS * DIM], wide[ROWS * FEATURES];
static int32_t peaks[8][ROWS];

template <class Epilogue>
static void linear(const uint8_t* bytes, const float* scales, const Packed& w, const Team& team, const Epilogue& epilogue) {
  matmul(Rows<Int8>{(const int32_t*)bytes, WIDEST / 4, ROWS, scales}, Weights<Int8>{w.words, w.steps, w.tiles, w.scales, w.sums},
         team.share(w.tiles), epilogue);
}

extern "C" __attribute__((visibility("default"))) void step(
    int threads, const Layer* layer, float* x, float* pages, const int32_t* tables, long table_width, const int32_t* lengths,
    const int64_t* slots, const float* cosines, const float* sines) {
  Pool pool(threads, 100);
  const Pages<float> cache{pages, %(BLOCK)d, KV, DIM};
  pool.run([&](const Team& team) {
    // Few rows are quantized by every thread for itself: cheaper than a barrier.
    alignas(64) uint8_t bytes[ROWS * WIDEST];
    float scales[ROWS], scratch[WIDEST];
    const Norm first{layer->norm1, nullptr, 1e-6f, WIDTH}, second{layer->norm2, nullptr, 1e-6f, WIDTH};
    for (long row = 0; row < ROWS; row++)
      scales[row] = normalize_to_bytes(first, x + row * WIDTH, nullptr, scratch, bytes + row * WIDEST);
    linear(bytes, scales, layer->qkv, team, Epilogue<float>{heads, QKV, QKV});
    team.barrier();
    const Range share = team.share(ROWS);
    for (long row = share.begin; row < share.end; row++) {
      float* own = heads + row * QKV;
      rotate(own, HEADS + KV, DIM, {cosines, sines, DIM / 2}, lengths[row] - 1);
      write_token(cache, slots[row], own + HEADS * DIM, own + (HEADS + KV) * DIM, 0, KV);
    }
    team.barrier();
    attend(DecodeAttention<float>{cache, tables, table_width, lengths, ROWS, HEADS, 0, 0.25f, heads, QKV, mixed}, team);
    team.barrier();
    quantize_rows(mixed, HEADS * DIM, bytes, WIDEST, scales, {0, ROWS});
    linear(bytes, scales, layer->out, team, Epilogue<float>{x, WIDTH, WIDTH, nullptr, x});
    team.barrier();
    for (long row = 0; row < ROWS; row++) peaks[team.index][row] = 0;
    for (long row = 0; row < ROWS; row++)
      scales[row] = normalize_to_bytes(second, x + row * WIDTH, nullptr, scratch, bytes + row * WIDEST);
    Epilogue<float, Activation::SILU_GATE> gate{wide, FEATURES, FEATURES, nullptr, nullptr, peaks[team.index]};
    linear(bytes, scales, layer->gate_up, team, gate);
    team.barrier();
    quantize_rows(wide, FEATURES, bytes, WIDEST, scales, {0, ROWS}, peaks[0], team.size, ROWS);
    linear(bytes, scales, layer->down, team, Epilogue<float>{x, WIDTH, WIDTH, nullptr, x});
  });
}

}  // namespace generated
"""


class PackedCall(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("words", "scales", "sums")] + [
        (name, ctypes.c_long) for name in ("steps", "tiles")
    ]

    def __init__(self, packed: Packed) -> None:
        super().__init__(
            pointer(packed.words), pointer(packed.scales), pointer(packed.sums), packed.words.shape[1], packed.tiles
        )


class LayerCall(ctypes.Structure):
    _fields_ = [(name, PackedCall) for name in ("qkv", "out", "gate_up", "down")] + [
        (name, ctypes.c_void_p) for name in ("norm1", "norm2")
    ]


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("variant", isa.runnable(), ids=lambda variant: variant.name)
def test_a_decoder_layer_in_one_call(kernels_folder: Path, variant: isa.Variant, threads: int) -> None:
    # Given a layer with int8 weights and three requests with some tokens in their pages
    weights = [
        quantize.int8(drawn(n, k, seed=seed) / k**0.5)
        for seed, (n, k) in enumerate(
            [(QKV, WIDTH), (WIDTH, HEADS * HEAD_DIM), (2 * FEATURES, WIDTH), (WIDTH, FEATURES)]
        )
    ]
    qkv, out, gate_up, down = (weight.dequantized().double() for weight in weights)
    fused = quantize.Int8(
        layout.interleave(*weights[2].values.chunk(2)), layout.interleave(*weights[2].scales.chunk(2))
    )
    packed = [layout.pack(weight) for weight in (weights[0], weights[1], fused, weights[3])]
    norms = drawn(2, WIDTH, seed=5) / 4 + 1
    layer = LayerCall(*(PackedCall(one) for one in packed), *(pointer(norm) for norm in norms))
    lengths = torch.tensor([20, 1, 33], dtype=torch.int32)
    tables = torch.tensor([[3, 1, 9], [2, 9, 9], [4, 5, 6]], dtype=torch.int32)
    slots = torch.tensor([1 * BLOCK + 3, 2 * BLOCK, 6 * BLOCK])
    pages = drawn(7, BLOCK, 2 * KV_HEADS, HEAD_DIM, seed=6)
    before = pages.double()
    angles = torch.arange(40.0)[:, None] * torch.linspace(1, 0.1, HEAD_DIM // 2)
    x = drawn(ROWS, WIDTH, seed=7)
    hidden = x.double()
    source = SOURCE % {name: value for name, value in globals().items() if isinstance(value, int)}
    native = toolchain.load(toolchain.build({"step.cpp": source}, kernels_folder, variant))

    # When it runs
    arguments = [pages, tables, lengths, slots, angles.cos(), angles.sin()]
    pointers = [ctypes.c_void_p(pointer(tensor)) for tensor in arguments]
    native.step(
        threads, ctypes.byref(layer), ctypes.c_void_p(pointer(x)), *pointers[:2], ctypes.c_long(3), *pointers[2:]
    )

    # Then it is what torch makes of the same weights, but for the rounding of activations to bytes
    heads = (functional.rms_norm(hidden, (WIDTH,), norms[0].double(), EPS) @ qkv.T).unflatten(1, (-1, HEAD_DIM))
    cosine, sine = (part.double()[lengths.long() - 1, None] for part in (angles.cos(), angles.sin()))
    low, high = heads[:, : HEADS + KV_HEADS].chunk(2, 2)
    heads[:, : HEADS + KV_HEADS] = torch.cat((low * cosine - high * sine, high * cosine + low * sine), 2)
    before.view(-1, 2 * KV_HEADS, HEAD_DIM)[slots] = heads[:, HEADS:]
    mixed = torch.stack([
        functional.scaled_dot_product_attention(
            heads[row, :HEADS].unflatten(0, (KV_HEADS, -1)),
            *before[tables[row, : -(-int(length) // BLOCK)].long()].flatten(0, 1)[:length].transpose(0, 1).chunk(2),
        ).flatten()
        for row, length in enumerate(lengths.tolist())
    ])  # fmt: skip
    hidden = hidden + mixed @ out.T
    gate, up = (functional.rms_norm(hidden, (WIDTH,), norms[1].double(), EPS) @ gate_up.T).chunk(2, 1)
    hidden = hidden + (functional.silu(gate) * up) @ down.T
    assert (x - hidden).norm() / hidden.norm() < 0.01
    assert (pages - before).abs().max() < 0.05
