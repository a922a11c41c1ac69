"""The command line of one engine process, and its signals."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path
from typing import Any, get_args

import uvloop

from inference.engine.admission import Limits
from inference.engine.deployment import Weights, found_in
from inference.engine.journal import error_place, log
from inference.engine.listener import SocketError
from inference.engine.served import LoadOptions
from inference.engine.server import Server
from inference.engine.trust import trusted
from inference.engine.window import PRESETS

USAGE_EXIT = 2


def main() -> int:
    """Runs an engine until it is drained; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.engine", description="Serves checkpoints on a Unix socket."
    )
    parser.add_argument("--socket", type=Path, required=True, help="path of the Unix socket to listen on")
    parser.add_argument(
        "--models",
        type=Path,
        help="folder of deployments (NAME.json) and checkpoints (NAME/), served by their names",
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="threads of one operator (default: all cores)"
    )
    parser.add_argument("--device", default="cpu", help="torch device (default: cpu)")
    parser.add_argument(
        "--dtype",
        choices=("auto", "float32", "float16", "bfloat16"),
        default="auto",
        help="type of the weights (default: bfloat16 where the device calculates in it, else float16 weights with float32 "
        "arithmetic where a CPU has a kernel for them, else float32)",
    )
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), default="balanced", help="batching of embeddings (default: balanced)"
    )
    parser.add_argument(
        "--cuda-graphs", action="store_true", help="capture decode steps at load and replay them (CUDA)"
    )
    parser.add_argument(
        "--compiled",
        type=Path,
        metavar="DIR",
        help="compile models for this machine and keep their code in DIR (on a CPU with a C++ compiler, on a GPU with Triton)",
    )
    parser.add_argument(
        "--weights",
        choices=get_args(Weights),
        default="as-they-are",
        help="weights of compiled models; int8 and float8 are half of bfloat16 to read, int4 a quarter and less exact; int4 is for "
        "processors, float8 for GPUs (default: as-they-are)",
    )
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="FILE",
        help="Ed25519 public keys, 64 hexadecimal digits a line: whose artifacts are run (default: nobody's)",
    )
    parser.add_argument(
        "--wipe-freed",
        action="store_true",
        help="overwrite host memory as it is freed, so that an erase leaves no fragment anywhere; costs a CPU engine about a "
        "fifth of its speed, and next to nothing where the model is on another device (Linux with glibc)",
    )
    parser.add_argument("--cache-mb", type=int, default=1024, help="most memory of one model's KV cache")
    parser.add_argument("--max-running", type=int, default=32, help="answers generated at once, for each model")
    parser.add_argument(
        "--max-waiting", type=int, default=256, help="requests queued in each lane of each model before 503"
    )
    parser.add_argument("--step-tokens", type=int, default=256, help="tokens computed in one step")
    parser.add_argument(
        "--hang-seconds", type=float, default=120.0, help="a step that takes longer ends the process (default: 120)"
    )
    arguments = parser.parse_args()
    for name in ("threads", "cache_mb", "max_running", "max_waiting", "step_tokens"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if arguments.models is not None and not arguments.models.is_dir():
        parser.error(f"--models {arguments.models} is not a folder")
    if arguments.weights != "as-they-are" and arguments.compiled is None:
        parser.error("--weights is for compiled models: give --compiled a folder, too")
    if arguments.weights == "int4" and arguments.device != "cpu":
        parser.error("--weights int4 is for processors; a GPU reads int8, float8, or weights as they are")
    if arguments.weights == "float8" and arguments.device == "cpu":
        parser.error("--weights float8 is for GPUs; a processor reads int8, int4, or weights as they are")
    if not arguments.hang_seconds > 0:
        parser.error("--hang-seconds must be above 0")
    if arguments.step_tokens <= arguments.max_running:
        parser.error("--step-tokens must be above --max-running, or prompts would never be computed")
    try:
        verify = None if arguments.trust is None else trusted(arguments.trust)
    except (OSError, ValueError) as error:
        parser.error(f"--trust {arguments.trust}: {error}")
    options = LoadOptions(
        device=arguments.device,
        dtype=arguments.dtype,
        window=PRESETS[arguments.preset],
        graphs=arguments.cuda_graphs,
        compiled=arguments.compiled,
        weights=arguments.weights,
        verify=verify,
        cache_bytes=arguments.cache_mb << 20,
        limits=Limits(arguments.max_running, arguments.max_waiting, arguments.step_tokens),
        hang_s=arguments.hang_seconds,
    )
    folder: Path | None = arguments.models
    models = found_in(folder) if folder is not None else []
    try:
        return uvloop.run(_serve(arguments.socket, models, options, arguments.threads))
    except SocketError as error:
        log("engine.refused", reason=str(error))
        return USAGE_EXIT


async def _serve(path: Path, models: list[Path], options: LoadOptions, threads: int) -> int:
    server = Server(options, threads=threads)
    loop = asyncio.get_running_loop()
    # asyncio's own handler prints messages and arguments, which may be of a request.
    loop.set_exception_handler(_log_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    return await server.run(path, models)


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log("engine.loop.error", error=error_place(error) if error is not None else "no exception")
