"""OpenVINO GenAI as a competitor, in an environment of its own: weights in int8, converted by optimum-intel.

Its pipeline of continuous batching is stepped here as its server steps it, without its prefix cache: prompts are fresh in any
case, and blocks kept of those before would only be in the way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy
import openvino
import openvino_genai as genai

from bench.peers import llama
from bench.peers.orders import Decoded, Order, prompts, serve

VERSION = 1
"""Raise to have the models converted anew."""
CACHE_GB = 1


def converted(name: str) -> Path:
    """The folder of the model; made on the first call."""
    source = llama.checkpoint(name)
    folder = source.parent / f"{source.name}-openvino-int8-{VERSION}"
    if not (folder / "openvino_model.xml").exists():
        tool = Path(sys.executable).with_name("optimum-cli")
        command = [tool, "export", "openvino", "-m", source, "--task", "text-generation-with-past"]
        command += ["--weight-format", "int8", folder]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


@cache
def pipeline(name: str) -> Any:
    scheduling = genai.SchedulerConfig()
    scheduling.cache_size = CACHE_GB
    scheduling.enable_prefix_caching = False
    scheduling.max_num_batched_tokens = 512
    scheduling.max_num_seqs = 64
    threads = {"INFERENCE_NUM_THREADS": os.cpu_count() or 1}
    return genai.ContinuousBatchingPipeline(str(converted(name)), scheduling, "CPU", threads)


def decode(order: Order) -> Decoded:
    given = prompts(llama.SIZES[order.model].vocabulary, order.batch, order.prompt, order.seed)
    made = pipeline(order.model)
    options = genai.GenerationConfig()
    options.max_new_tokens = order.generate
    options.ignore_eos = True
    options.do_sample = False
    start = perf_counter()
    handles = [
        made.add_request(number, openvino.Tensor(numpy.array([prompt], dtype=numpy.int64)), options)
        for number, prompt in enumerate(given)
    ]
    counts = [0] * order.batch

    def step() -> None:
        made.step()
        for number, handle in enumerate(handles):
            if handle.can_read():
                counts[number] += sum(len(output.generated_ids) for output in handle.read().values())

    while not all(counts):
        step()
    begun, begun_cpu, before = perf_counter(), process_time(), sum(counts)
    while max(counts) < order.generate and perf_counter() - begun < order.seconds:
        step()
    ended, cpu, written = perf_counter(), process_time() - begun_cpu, sum(counts) - before
    for handle in handles:
        handle.stop()
    while made.has_non_finished_requests():
        made.step()
    return Decoded(begun - start, written, ended - begun, cpu)


def _answer(order: Order) -> Mapping[str, Any]:
    return asdict(decode(order))


if __name__ == "__main__":
    serve(_answer)
