"""ONNX Runtime GenAI as a competitor, in an environment of its own: weights in int8, made by its own model builder."""

from __future__ import annotations

import json
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
import onnxruntime_genai as genai

from bench.peers import llama
from bench.peers.orders import Decoded, Order, prompts, serve

VERSION = 1
"""Raise to have the models built anew."""


def built(name: str) -> Path:
    """The folder of the model; made on the first call."""
    source = llama.checkpoint(name)
    folder = source.parent / f"{source.name}-onnx-int8-{VERSION}"
    if not (folder / "genai_config.json").exists():
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", source, "-o", folder]
        command += ["-p", "int8", "-e", "cpu", "-c", folder.parent / "onnx-cache"]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


@cache
def model(name: str) -> Any:
    config = genai.Config(str(built(name)))
    # It takes as many threads as there are cores of metal, which is half of what the others take where two share one.
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": os.cpu_count()}}}}))
    return genai.Model(config)


def decode(order: Order) -> Decoded:
    given = prompts(llama.SIZES[order.model].vocabulary, order.batch, order.prompt, order.seed)
    parameters = genai.GeneratorParams(model(order.model))
    most = order.prompt + order.generate
    parameters.set_search_options(do_sample=False, min_length=most, max_length=most, batch_size=order.batch)
    generator = genai.Generator(model(order.model), parameters)
    start = perf_counter()
    generator.append_tokens(numpy.array(given, dtype=numpy.int32))
    generator.generate_next_token()
    begun, begun_cpu = perf_counter(), process_time()
    steps = 0
    while steps < order.generate - 1 and perf_counter() - begun < order.seconds:
        generator.generate_next_token()
        steps += 1
    ended, cpu = perf_counter(), process_time() - begun_cpu
    return Decoded(begun - start, steps * order.batch, ended - begun, cpu)


def _answer(order: Order) -> Mapping[str, Any]:
    return asdict(decode(order))


if __name__ == "__main__":
    serve(_answer)
