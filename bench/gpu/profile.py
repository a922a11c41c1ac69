"""``python -m bench.gpu.profile``: where the time of a Llama's decoding step goes on the GPU of this machine, launch by launch."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from bench.gpu.compiler import CONTEXT, copied, made
from bench.gpu.network import FORMS
from compiler.backends.triton.capabilities import here
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import Launch, numbers

STEPS = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.profile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", default=["8b"], choices=list(FORMS))
    given = parser.parse_args()
    device = here()
    print(f"copies: {copied() / 1e9:.0f} GB/s")
    for model in given.models:
        with tempfile.TemporaryDirectory() as folder:
            step, network, example = made(FORMS[model], torch.tensor([CONTEXT - 1]), device, Path(folder))
            step(example)
            del network
            report(model, step)
        del step
        torch.cuda.empty_cache()
    return 0


def report(model: str, step: Step) -> None:
    """A line for each kind of launch: how many, microseconds of one, bytes of weights that it reads a second."""
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(STEPS):
            step.run()
        torch.cuda.synchronize()
    events = [event for event in seen.events() or () if event.device_type == DeviceType.CUDA]
    events.sort(key=lambda event: event.time_range.start)
    launches = step.plan.launches
    print(f"{model}: {len(launches)} launches, {len(step.plan.references)} left to ATen")
    for reference in step.plan.references:
        print(f"    ATen: {reference.group.anchor.op}: {reference.reason}")
    if len(events) != STEPS * len(step.plan.steps) or step.plan.references:
        print(f"    {len(events)} kernels ran, so no launch has its own")
        for event in sorted(seen.key_averages(), key=lambda each: -each.device_time_total)[:12]:
            print(f"    {event.key[:60]:60} x {event.count // STEPS:4} {event.device_time_total / STEPS:9.1f} us")
        return
    kinds: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for number, event in enumerate(events):
        launch = launches[number % len(launches)]
        values = () if launch.group is None else launch.group.values
        name = f"{launch.source.entry} {launch.cut} {'+'.join(value.op for value in values[:3])}"
        kinds[name].append(event.time_range.elapsed_us())
        sizes[name] = weight_bytes(launch)
    for name, times in kinds.items():
        one = median(times)
        print(f"    x {len(times) // STEPS:4} {one:8.2f} us {sizes[name] / one / 1e3:6.0f} GB/s  {name}")
    print(f"    together {sum(map(sum, kinds.values())) / STEPS:.0f} us")


def weight_bytes(launch: Launch) -> int:
    if launch.group is None:
        return 0
    weights = [value for value in launch.group.inputs if value.op == "weight"]
    if launch.source.entry == "loop":
        return 0
    return sum(math.prod(numbers(each.shape)) * each.dtype.itemsize for each in weights)


if __name__ == "__main__":
    sys.exit(main())
