"""``python -m bench.gpu``: parity, then speed, on the CUDA device of this machine; one JSON object a line, also for what failed.

Sections run in the order of their worth until the budget is spent; one that fails costs no other.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO, cast

import torch

from bench import fairness
from bench.gpu import checks, encoders
from bench.peers import decoding, llama
from bench.peers.orders import Decoded, Order
from bench.report import Options
from inference.engine.admission import Limits
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.deployment import Version, Weights
from inference.engine.served import LoadOptions, ServedModel, load_model

BATCHES = (1, 8, 32, 64, 256)
SECONDS = 1.5
GIBIBYTE = 1 << 30


class Report:
    def __init__(self, file: TextIO, budget_s: float) -> None:
        self._file = file
        self._began = perf_counter()
        self._budget_s = budget_s

    @property
    def left_s(self) -> float:
        return self._budget_s - (perf_counter() - self._began)

    def line(self, **values: Any) -> None:
        text = json.dumps({"at_s": round(perf_counter() - self._began, 1), **values}, default=str)
        print(text, flush=True)
        print(text, file=self._file, flush=True)

    def section(self, name: str, work: Callable[[], dict[str, Any]], *, needs_s: float) -> None:
        """Runs one piece of work unless too little time is left for it."""
        if self.left_s < needs_s:
            self.line(section=name, skipped=f"{self.left_s:.0f} s left, needs {needs_s:.0f}")
            return
        began = perf_counter()
        try:
            found = work()
        except Exception as error:  # noqa: BLE001  # whatever failed, the rest is still worth its time on the device
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.line(
                section=name, failed=f"{type(error).__name__}: {error}"[:600], where=f"{where.name}:{where.lineno}"
            )
        else:
            self.line(section=name, seconds=round(perf_counter() - began, 2), **found)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def artifact(weights: Weights | None = None, of: str = "decoder") -> dict[str, Any]:
    """Of a decoder or an encoder with those weights, or of a plain module."""
    from bench.gpu import artifacts  # needs packages that the other sections do without

    if weights is None:
        return artifacts.module()
    return artifacts.encoder(weights) if of == "encoder" else artifacts.decoder("tiny", weights)


def serve(name: str, way: str) -> ServedModel:
    """A model on the device with room for the largest batch."""
    limits = Limits(max_running=max(BATCHES), max_waiting=512, step_tokens=8192, realtime_share=0.0)
    options = LoadOptions(
        device="cuda",
        dtype="bfloat16",
        graphs=way != "eager",
        compiled=checks.KERNELS if way == "kernels" else None,
        cache_bytes=8 * GIBIBYTE,
        limits=limits,
    )
    return load_model(name, Version(str(llama.checkpoint(name))), options)


def speed(report: Report, name: str, way: str) -> None:
    """Decoding, first tokens and wiping of one model, loaded once."""
    held: list[ServedModel] = []

    def load() -> dict[str, Any]:
        held.append(serve(name, way))
        runner = cast(DecoderWorker, held[0].worker)._runner
        uncompiled = runner.uncompiled if isinstance(runner, DecoderRunner) else ""
        return {"memory_gb": torch.cuda.memory_allocated() / 1e9, "uncompiled": uncompiled}

    report.section(f"{name} {way} load", load, needs_s=25)
    if not held:
        return
    model = held[0]

    def decode(batch: int) -> dict[str, Any]:
        orders = [
            Order(name, way, batch, 128, 128, seconds, batch * 10 + i) for i, seconds in enumerate((0.2, SECONDS))
        ]
        return shown(batch, [decoding.decode(model, order) for order in orders][-1]) | slow(model)

    for batch in BATCHES:
        report.section(f"{name} {way} decode b{batch}", lambda batch=batch: decode(batch), needs_s=8)

    def first(length: int) -> dict[str, Any]:
        found = [decoding.first_tokens(model, Order(name, way, 1, length, 8, 1.0, length + i)) for i in range(4)][1:]
        cold, again = (sorted(times)[1] for times in zip(*found, strict=True))
        return {"prompt": length, "ttft_ms": cold * 1e3, "ttft_again_ms": again * 1e3}

    for length in (512, 2048):
        report.section(f"{name} {way} first token {length}", lambda length=length: first(length), needs_s=5)
    if way == "eager":
        report.section(f"{name} wipe", lambda: wipe(model), needs_s=4)
    held.clear()


def slow(model: ServedModel) -> dict[str, Any]:
    return {"slow_path": cast(DecoderWorker, model.worker)._runner.slow_path}


def shown(batch: int, found: Decoded) -> dict[str, Any]:
    return {
        "batch": batch,
        "tokens_per_s": found.per_second,
        "step_ms": 1e3 * found.decode_s * batch / found.tokens,
        "prompts_s": found.ttft_s,
        "cpu_share": found.cpu_s / found.decode_s,
    }


def wipe(model: ServedModel) -> dict[str, Any]:
    """How fast blocks are zeroed, in bytes written a second."""
    runner = cast(DecoderWorker, model.worker)._runner
    blocks = list(range(1, min(4000, len(runner.store.layers[0]))))
    times = []
    for _ in range(4):
        torch.cuda.synchronize()
        began = perf_counter()
        runner.store.wipe(blocks)
        torch.cuda.synchronize()
        times.append(perf_counter() - began)
    size = len(blocks) * runner.store.block_bytes
    return {"bytes": size, "gb_per_s": size / min(times) / 1e9}


def peer(name: str, batch: int, way: str = "eager bfloat16") -> dict[str, Any]:
    from bench.peers import transformers_decoding

    orders = [Order(name, way, batch, 128, 128, seconds, i) for i, seconds in enumerate((0.2, SECONDS))]
    return shown(batch, [transformers_decoding.decode(order, "cuda") for order in orders][-1])


def cpu(name: str, dtype: str, batch: int) -> dict[str, Any]:
    """The same on this machine's processor, for types the machines the tests run on may lack."""
    model = decoding.model(name, dtype)
    orders = [Order(name, dtype, batch, 128, 128, seconds, i) for i, seconds in enumerate((0.2, SECONDS))]
    return shown(batch, [decoding.decode(model, order) for order in orders][-1])


def fair() -> dict[str, Any]:
    """What nine quiet workspaces feel of a flood: see `bench.fairness`."""
    measures = fairness.on("cuda", Options(seconds=2.0, note=sys.stderr))
    return {measure.name: {"value": measure.value, "ratio": measure.ratio} for measure in measures}


def machine() -> dict[str, Any]:
    import platform

    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(0),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "amx": torch.cpu._is_amx_tile_supported(),
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        "cpus": os.cpu_count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu", description="Check and measure the engine on a CUDA device."
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.jsonl"), help="file of JSON lines")
    parser.add_argument("--budget", type=float, default=285.0, help="seconds after which no further section starts")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no CUDA device here; this benchmark needs one", file=sys.stderr)
        return 2
    with given.out.open("w") as file:
        report = Report(file, given.budget)
        report.section("machine", machine, needs_s=0)
        report.section("decoder parity", checks.decoder_parity, needs_s=10)
        report.section("encoder parity", encoders.parity, needs_s=10)
        report.section("determinism", checks.determinism, needs_s=10)
        report.section("module artifact", artifact, needs_s=15)
        kinds: tuple[Weights, ...] = "as-they-are", "int8"
        for weights in kinds:
            report.section(f"decoder artifact {weights}", lambda w=weights: artifact(w), needs_s=20)
        report.section("encoder artifact", lambda: artifact("as-they-are", of="encoder"), needs_s=20)
        for size in ("MINILM", "LARGE"):
            report.section(f"encoder speed {size}", lambda s=size: encoders.speed(getattr(encoders, s)), needs_s=20)
        report.section("fairness", fair, needs_s=60)
        for name in ("260m", "1b"):
            for way in ("kernels", "graphs", "eager"):
                speed(report, name, way)
            for batch in (1, 8, 32, 64):
                report.section(f"{name} transformers b{batch}", lambda n=name, b=batch: peer(n, b), needs_s=12)
        for dtype in ("bfloat16", "float32", "float16"):
            for batch in (1, 8, 32):
                report.section(f"260m cpu {dtype} b{batch}", lambda d=dtype, b=batch: cpu("260m", d, b), needs_s=12)
    return 0


if __name__ == "__main__":
    sys.exit(main())
