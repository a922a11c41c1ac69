from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from inference.engine import LatencyProfiler, MemoryOptimizer
from inference.engine.library.errors import LibraryError
from inference.engine.library.module_clock import ROOT
from tests.inference.engine.library.modules import Parts, seeded, vectors


class Nested(nn.Module):
    """`inner.wide` has nearly all of the work; `twice` runs twice; the root adds operators of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential()
        self.inner.add_module("narrow", nn.Linear(256, 256))
        self.inner.add_module("wide", nn.Sequential(nn.Linear(256, 4096), nn.ReLU(), nn.Linear(4096, 256)))
        self.twice = nn.LayerNorm(256)
        self.same = self.twice

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.same(self.inner(self.twice(x))), -1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_modules_sum_to_the_total_and_the_slowest_is_named() -> None:
    profiler = LatencyProfiler(seeded(Nested))
    x = torch.randn(64, 256)

    for _ in range(2):  # one more try for a busy machine
        report = profiler.profile(x, 30, warmup=3)
        if abs(sum(report.modules.values()) / report.total_s - 1) < 0.05:
            break
    slowest = profiler.bottleneck_analysis()

    assert sum(report.modules.values()) == pytest.approx(report.total_s, rel=0.05)
    assert report.modules == profiler.per_module_breakdown()
    assert set(report.modules) == {
        ROOT, "inner", "inner.narrow", "inner.wide", "inner.wide.0", "inner.wide.1", "inner.wide.2", "twice",
    }  # fmt: skip
    assert {slowest[0].name, slowest[1].name} == {"inner.wide.0", "inner.wide.2"}
    assert slowest[0].kind == "Linear"
    assert sum(part.share for part in slowest) == pytest.approx(1)
    assert report.latency.p50.low <= report.latency.p50.value <= report.latency.p99.value


def test_what_bounds_a_module_is_told_by_its_arithmetic() -> None:
    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.product = nn.Linear(1024, 1024)
            self.stream = nn.ReLU(inplace=True)  # whose output needs no fresh pages
            self.tiny = nn.Linear(2, 2)

        def forward(self, x: Tensor, large: Tensor) -> Tensor:
            y: Tensor = self.product(x)
            self.stream(large)
            return y[:1, :1] + self.tiny(x[:1, :2])

    profiler = LatencyProfiler(seeded(Three))
    profiler.profile((torch.randn(512, 1024), torch.randn(1 << 23)), 10, warmup=2)
    found = {part.name: part for part in profiler.bottleneck_analysis()}

    assert {name: found[name].bound for name in ("product", "stream", "tiny")} == {
        "product": "compute",
        "stream": "memory",
        "tiny": "overhead",
    }
    flops = found["product"].flops_per_s * found["product"].seconds
    assert flops == pytest.approx(2 * 512 * 1024 * 1024, rel=0.01)
    moved = found["stream"].bytes_per_s * found["stream"].seconds
    assert moved == pytest.approx(2 * 4 * (1 << 23), rel=0.01)


def test_every_part_keeps_its_mode() -> None:
    model = seeded(Parts).train()
    model.stem.eval()  # type: ignore[union-attr,operator]
    before = [part.training for part in model.modules()]
    LatencyProfiler(model).profile(torch.stack(vectors(2)), 2)
    MemoryOptimizer(model).measure_memory(torch.stack(vectors(2)))

    assert [part.training for part in model.modules()] == before


def test_a_trace_nests_the_calls_and_holds_nothing_else(tmp_path: Path) -> None:
    profiler = LatencyProfiler(seeded(Parts))
    profiler.profile(torch.stack(vectors(2)), 5)
    profiler.export_chrome_trace(tmp_path / "trace.json")

    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    roots = [event for event in events if event["name"] == ROOT]
    assert len(roots) == 5
    assert {event["ph"] for event in events} == {"X"}
    first = roots[0]
    inside = [event for event in events if first["ts"] <= event["ts"] < first["ts"] + first["dur"]]
    assert len(inside) == len(events) / 5
    for before, after in pairwise(roots):
        assert before["ts"] + before["dur"] <= after["ts"] + 1e-6


def test_every_nth_call_is_sampled_and_the_others_are_left_alone() -> None:
    model = seeded(Parts)
    profiler = LatencyProfiler(model, sample_every=4)
    profiler.attach()
    x = torch.stack(vectors(2))
    expected = model(x)["logits"]
    for _ in range(9):
        assert torch.equal(model(x)["logits"], expected)
        assert not model.head._forward_hooks  # type: ignore[union-attr,operator]

    assert profiler.sampled == 2
    assert sum(profiler.per_module_breakdown().values()) > 0
    with pytest.raises(LibraryError, match="counted by profile"):
        profiler.bottleneck_analysis()
    profiler.detach()
    for _ in range(8):
        model(x)
    assert profiler.sampled == 2


def test_a_call_that_raises_leaves_the_profiler_whole() -> None:
    model = seeded(Parts)
    profiler = LatencyProfiler(model, sample_every=1)
    profiler.attach()
    with pytest.raises(RuntimeError):
        model(torch.ones(2, 3))
    model(torch.stack(vectors(2)))

    assert profiler.sampled == 2
    assert not model.head._forward_hooks  # type: ignore[union-attr,operator]


def test_nothing_is_told_before_anything_was_measured(tmp_path: Path) -> None:
    profiler = LatencyProfiler(seeded(Parts))

    for call in (profiler.per_module_breakdown, profiler.bottleneck_analysis):
        with pytest.raises(LibraryError, match="nothing is measured yet"):
            call()
    with pytest.raises(LibraryError, match="nothing is measured yet"):
        profiler.export_chrome_trace(tmp_path / "trace.json")
