"""``python -m compiler.show``: one layer of a decoder as each pass leaves it, as docs/compiler.md has it."""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch.nn import functional

from compiler.frontend.exported import capture
from compiler.ir.printer import text
from compiler.ir.program import Program
from compiler.passes.manager import PASSES, QUANTIZING, WIDENING, run
from compiler.schedule.fuse import fuse, launches

WIDTH, HEADS, GROUPS, HEAD, INNER, PLACES = 64, 4, 2, 16, 112, 32
_SAYS = {
    "captured": "As torch.export gives it, with the caches' writes as values",
    "canonical": "One form for what can be said in several; what does nothing is gone",
    "pack": "Layers that are asked about the same are one",
    "recognize": "What has a name",
    "fold": "What depends on weights alone is a weight",
    "widen": "Halves in memory, float32 in between",
    "quantize": "Weights of bytes",
}


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        wide = hidden.float()
        return self.weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)).to(hidden.dtype)


class Layer(nn.Module):
    """Of a Llama: hidden [1, tokens, 64] and positions [tokens] to hidden; the cache is its own."""

    steps: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = Norm(), Norm()
        self.q, self.o = nn.Linear(WIDTH, HEADS * HEAD, bias=False), nn.Linear(HEADS * HEAD, WIDTH, bias=False)
        self.k, self.v = nn.Linear(WIDTH, GROUPS * HEAD, bias=False), nn.Linear(WIDTH, GROUPS * HEAD, bias=False)
        self.gate, self.up = nn.Linear(WIDTH, INNER, bias=False), nn.Linear(WIDTH, INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)
        self.register_buffer("steps", 10_000.0 ** (-torch.arange(0, HEAD, 2) / HEAD))
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(1, GROUPS, PLACES, HEAD))

    def forward(self, hidden: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        asked = self.before(hidden)
        q, k, v = (part(asked).unflatten(2, (-1, HEAD)).transpose(1, 2) for part in (self.q, self.k, self.v))
        angles = positions[:, None] * torch.cat((self.steps, self.steps)).float()
        cosine, sine = (turned.to(hidden.dtype) for turned in (angles.cos(), angles.sin()))
        self.keys.index_copy_(2, positions, _turned(k, cosine, sine))
        self.values.index_copy_(2, positions, v)
        seen = torch.arange(PLACES)[None, :] <= positions[:, None]
        keys, values = (_repeated(cache) for cache in (self.keys, self.values))
        mixed = functional.scaled_dot_product_attention(_turned(q, cosine, sine), keys, values, seen[None, None])
        hidden = hidden + self.o(mixed.transpose(1, 2).flatten(2))
        asked = self.between(hidden)
        inner: torch.Tensor = self.down(functional.silu(self.gate(asked)) * self.up(asked))
        return hidden + inner


def _turned(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    half = HEAD // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), -1) * sine


def _repeated(cache: torch.Tensor) -> torch.Tensor:
    return cache[:, :, None].expand(1, GROUPS, HEADS // GROUPS, PLACES, HEAD).reshape(1, HEADS, PLACES, HEAD)


def shown() -> str:
    """Markdown: the graph before, and after each pass that changes it, then what is computed together."""
    torch.manual_seed(0)
    layer = Layer().to(torch.bfloat16).requires_grad_(False)
    parts: list[str] = []
    last = ""

    def show(name: str, program: Program) -> None:
        nonlocal last
        now = text(program.graph)
        parts.append(f"### {name}: {_SAYS[name].lower()}\n")
        parts.append("It changes nothing here.\n" if now == last else f"```\n{now}```\n")
        last = now

    program = capture(layer, (torch.zeros(1, 1, WIDTH, dtype=torch.bfloat16), torch.tensor([4])))
    show("captured", program)
    program = run(program, PASSES, show)
    widened = iter(WIDENING)
    program = run(program, WIDENING, lambda name, passed: show("widen", passed) if next(widened) == "fold" else None)
    program = run(program, QUANTIZING, show)
    groups = fuse(program.graph)
    parts.append(f"### fuse: {launches(groups)} launches\n")
    parts.append("| kind | values |\n|---|---|")
    parts += [f"| {group.kind} | {', '.join(value.op for value in group.values)} |" for group in groups]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(shown())
