from __future__ import annotations

import asyncio
from typing import Any

from inference.engine.stats import Memory, ModelStats, StatsReport
from inference.gateway.engine_metrics import engine_metrics


class Answering:
    def __init__(self, report: StatsReport) -> None:
        self._report = report

    async def ask(self, question: Any, within_s: float) -> StatsReport:
        return self._report


def shown(report: StatsReport) -> list[str]:
    return asyncio.run(engine_metrics(Answering(report))).decode().splitlines()  # type: ignore[arg-type]  # all that it asks for


def test_what_models_take_and_what_is_left_becomes_samples() -> None:
    model = ModelStats("chat", {}, memory=Memory(300, 200, 50, 0.25))
    lines = shown(StatsReport(0, 0, False, 1.0, 0, 0, [model], resident_bytes=700, headroom_bytes=9000))

    assert "bailiwick_engine_resident_bytes 700.0" in lines
    assert "bailiwick_engine_memory_headroom_bytes 9000.0" in lines
    for part, size in (("weights", 300), ("pages", 200), ("arena", 50)):
        assert f'bailiwick_model_memory_bytes{{model="chat",part="{part}"}} {size}.0' in lines
    assert 'bailiwick_model_arena_fragmentation_perc{model="chat"} 0.25' in lines


def test_a_headroom_that_nobody_tells_is_left_out() -> None:
    lines = shown(StatsReport(0, 0, False, 1.0, 0, 0))

    assert not [line for line in lines if line.startswith("bailiwick_engine_memory_headroom")]
