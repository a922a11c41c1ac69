"""Whether a CUDA device computes what the CPU computes, and keeps the determinism contract."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench.peers import llama
from inference.engine.blocks import DETERMINISTIC_PIECE, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.gpu import Gpu
from inference.engine.kernels import Captured
from inference.engine.models.layers import DtypeName
from inference.engine.protocol import Delta, EngineError, Result, Sampling
from inference.engine.request import Choice, Generation
from inference.engine.scheduler import Chunk
from inference.engine.tokenizer import Tokenizer

BLOCKS = 600
ROOM = 16
KERNELS = Path(tempfile.gettempdir()) / "bench-gpu-kernels"
"""Where kernels are kept, for a second run."""


def few_sizes(device: str = "cuda") -> Gpu:
    """Of steps and batches: each is compiled, which takes seconds."""
    return replace(Gpu.at(device), sizes=(1, 8, 64, 512), batches=(64, 512, 2048, 8192))


class _Nowhere:
    def send(self, deltas: list[Delta]) -> None:
        pass

    def finish(self, outcome: Result | EngineError) -> None:
        pass


class Drive:
    """One runner, driven chunk by chunk."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str,
        dtype: DtypeName,
        *,
        graphs: bool = False,
        kernels: Path | None = None,
    ) -> None:
        self.tokenizer: Tokenizer = checkpoint.tokenizer()
        self.vocabulary = checkpoint.config.vocab_size
        made = None if kernels is None else Captured(few_sizes(device), kernels)
        self.runner = DecoderRunner(checkpoint, device=device, dtype=dtype, graphs=graphs, kernels=made)
        self.runner.reserve(BLOCKS)
        self._next = 1
        self._made: dict[int, Generation] = {}

    def request(self, seed: int, length: int, *, deterministic: bool = False) -> Choice:
        generator = torch.Generator().manual_seed(seed)
        prompt = torch.randint(2, self.vocabulary, (length,), generator=generator).tolist()
        made = Generation(
            workspace="check",
            lane="standard",
            sink=_Nowhere(),
            tokenizer=self.tokenizer,
            prompt=prompt,
            max_tokens=ROOM,
            sampling=Sampling(temperature=0.0),
            seed=0,
            stream=True,
            stop_ids=frozenset(),
            deterministic=deterministic,
        )
        count = blocks_for(length + ROOM)
        choice = made.add_choice(list(range(self._next, self._next + count)), 0)
        self._next += count
        self._made[id(choice)] = made
        return choice

    def answers(
        self, choices: list[Choice], tokens: int, *, forced: list[list[int]] | None = None
    ) -> list[torch.Tensor]:
        """Logits [tokens, vocabulary] on the CPU of each choice, decoded together, greedily or along `forced` tokens."""
        rows: list[list[torch.Tensor]] = [[] for _ in choices]
        while going := [number for number, found in enumerate(rows) if len(found) < tokens]:
            chunks = [self._chunk(choices[number]) for number in going]
            logits = self.runner.step(chunks).float().cpu()
            drawing = [number for number, chunk in zip(going, chunks, strict=True) if chunk.samples]
            for chunk in chunks:
                chunk.choice.computed = chunk.end
            for number, row in zip(drawing, logits, strict=True):
                following = int(row.argmax()) if forced is None else forced[number][len(rows[number])]
                rows[number].append(row)
                choices[number].tokens.append(following)
        return [torch.stack(found) for found in rows]

    def _chunk(self, choice: Choice) -> Chunk:
        end = min(choice.computed + DETERMINISTIC_PIECE, len(choice.tokens))
        return Chunk(self._made[id(choice)], choice, choice.computed, end)


def decoder_parity() -> dict[str, Any]:
    """Logits of a tiny checkpoint on the device and on the CPU along the same tokens; relative error of the worst row."""
    torch.backends.cuda.matmul.allow_tf32 = False
    checkpoint = Checkpoint.open(llama.checkpoint("tiny"))
    lengths = [5, 64, 130, 17, 200, 33]
    cpu = Drive(checkpoint, "cpu", "float32")
    expected = cpu.answers([cpu.request(n, length) for n, length in enumerate(lengths)], 8)
    forced = [rows.argmax(-1).tolist() for rows in expected]
    result: dict[str, Any] = {}
    ways: list[tuple[str, str, DtypeName, bool, float]] = [
        ("cuda float32", "cuda", "float32", False, 1e-3),
        ("cuda float32 graphs", "cuda", "float32", True, 1e-3),
        ("cuda bfloat16", "cuda", "bfloat16", False, 0.1),
        ("cuda bfloat16 graphs", "cuda", "bfloat16", True, 0.1),
        ("cuda float32 kernels", "cuda", "float32", False, 1e-3),
        ("cuda bfloat16 kernels", "cuda", "bfloat16", False, 0.1),
        ("cpu auto", "cpu", "auto", False, 0.1),
        ("cpu bfloat16", "cpu", "bfloat16", False, 0.1),
    ]
    for name, device, dtype, graphs, tolerance in ways:
        kernels = KERNELS if name.endswith("kernels") else None
        drive = Drive(checkpoint, device, dtype, graphs=graphs, kernels=kernels)
        found = drive.answers([drive.request(n, length) for n, length in enumerate(lengths)], 8, forced=forced)
        worst = max(float(((a - b).norm(dim=-1) / b.norm(dim=-1)).max()) for a, b in zip(found, expected, strict=True))
        result[name] = {
            "error": worst,
            "ok": worst < tolerance,
            "slow_path": drive.runner.slow_path,
            "uncompiled": drive.runner.uncompiled,
        }
    return result


def determinism() -> dict[str, Any]:
    """Whether a deterministic request has the same bits alone and with 31 others, in float32 and bfloat16."""
    checkpoint = Checkpoint.open(llama.checkpoint("tiny"))
    result: dict[str, Any] = {}
    types: tuple[DtypeName, ...] = ("float32", "bfloat16")
    for dtype in types:
        drive = Drive(checkpoint, "cuda", dtype)
        [alone] = drive.answers([drive.request(1, 150, deterministic=True)], 12)
        again = Drive(checkpoint, "cuda", dtype)
        company = [again.request(100 + n, 20 + 4 * n, deterministic=n % 2 == 0) for n in range(31)]
        company.insert(17, again.request(1, 150, deterministic=True))
        together = again.answers(company, 12)[17]
        result[dtype] = {"ok": bool(torch.equal(alone, together)), "pinned_rows": drive.runner._pinned_rows}
    return result
