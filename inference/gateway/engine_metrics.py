"""What an engine counts, as metrics: asked for when somebody asks this process. No label names a workspace."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from inference.engine.client import EngineClient, EngineFailure
from inference.engine.protocol import Stats
from inference.engine.stats import STEP_TOKENS, CascadeStats, ModelStats, StatsReport, TrialStats

ANSWER_S = 2.0
"""An engine answers between two steps."""
_COUNTERS = {
    "prompt_tokens": ("prompt_tokens", "Tokens of prompts that were computed"),
    "generation_tokens": ("generated_tokens", "Tokens that were generated"),
    "prefix_cache_queries": ("prefix_queried_tokens", "Tokens of prompts that the prefix cache was asked for"),
    "prefix_cache_hits": ("prefix_hit_tokens", "Tokens of prompts that the prefix cache had"),
    "prefix_cache_evictions": ("evicted_blocks", "Blocks that had to make room"),
    "num_preemptions": ("preemptions", "Requests that gave their memory back to be computed again"),
    "prompt_tokens_recomputed": ("recomputed_tokens", "Tokens that were computed again for it"),
    "slow_path": ("slow_path", "Steps of a shape that nothing was captured for"),
}


async def engine_metrics(client: EngineClient) -> bytes:
    """The engine's figures in Prometheus' text format. One that is away or does not answer is `bailiwick_engine_up` 0."""
    try:
        report = await client.ask(Stats(), ANSWER_S)
    except EngineFailure:
        report = None
    registry = CollectorRegistry()
    registry.register(_Families(report if isinstance(report, StatsReport) else None))
    return generate_latest(registry)


class _Families:
    def __init__(self, report: StatsReport | None) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        report = self._report
        yield GaugeMetricFamily("bailiwick_engine_up", "Whether the engine answered", value=report is not None)
        if report is not None:
            yield CounterMetricFamily("bailiwick_engine_steps", "Steps that computed something", value=report.steps)
            if report.device_utilization is not None:
                yield GaugeMetricFamily(
                    "bailiwick_device_utilization_perc",
                    "Part of the last moments in which the device computed, 0 to 1",
                    value=report.device_utilization,
                )
            yield from _memory(report)
            yield from _requests(report.models)
            yield from _counters(report.models)
            yield from _batches(report.models)
            yield from _cascades(report.cascades)
            yield _steps(report.models)
            yield _refusals(report.refused_artifacts)
            yield from _trials(report.trials)


def _memory(report: StatsReport) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "bailiwick_engine_resident_bytes", "Memory that the engine holds", value=report.resident_bytes
    )
    if report.headroom_bytes is not None:
        text = "Memory that it could have beyond that"
        yield GaugeMetricFamily("bailiwick_engine_memory_headroom_bytes", text, value=report.headroom_bytes)
    planned = GaugeMetricFamily(
        "bailiwick_model_memory_bytes", "What a model takes at most, as planned", labels=["model", "part"]
    )
    lost = GaugeMetricFamily(
        "bailiwick_model_arena_fragmentation_perc", "Part of its arena that no moment needs, 0 to 1", labels=["model"]
    )
    for model in report.models:
        for part in ("weights", "pages", "arena"):
            planned.add_metric([model.model, part], getattr(model.memory, part))
        lost.add_metric([model.model], model.memory.fragmentation)
    yield from (planned, lost)


def _requests(models: list[ModelStats]) -> Iterable[Metric]:
    running = GaugeMetricFamily("bailiwick_num_requests_running", "Being computed", labels=["model", "class"])
    waiting = GaugeMetricFamily("bailiwick_num_requests_waiting", "In the queue", labels=["model", "class"])
    used = GaugeMetricFamily("bailiwick_kv_cache_usage_perc", "Part of the cache that runs, 0 to 1", labels=["model"])
    refused = CounterMetricFamily(
        "bailiwick_engine_rejections", "Requests that were not queued", labels=["model", "reason"]
    )
    ended = CounterMetricFamily(
        "bailiwick_engine_dropped", "Requests that were ended from outside", labels=["model", "reason"]
    )
    for model in models:
        used.add_metric([model.model], model.cache_used)
        for lane, counts in model.lanes.items():
            running.add_metric([model.model, lane], counts.running)
            waiting.add_metric([model.model, lane], counts.waiting)
        for family, reasons in ((refused, model.refused), (ended, model.ended)):
            for reason, count in sorted(reasons.items()):
                family.add_metric([model.model, reason], count)
    return running, waiting, used, refused, ended


def _counters(models: list[ModelStats]) -> Iterable[Metric]:
    for name, (attribute, text) in _COUNTERS.items():
        family = CounterMetricFamily(f"bailiwick_{name}", text, labels=["model"])
        for model in models:
            family.add_metric([model.model], getattr(model, attribute))
        yield family


def _batches(models: list[ModelStats]) -> Iterable[Metric]:
    flushes = CounterMetricFamily(
        "bailiwick_batch_flushes", "Batches of embeddings, by why they began", labels=["model", "preset", "reason"]
    )
    sizes = CounterMetricFamily(
        "bailiwick_batches", "Batches of embeddings, by texts in them", labels=["model", "preset", "size"]
    )
    for model in models:
        for preset, reason, count in sorted(model.flushes):
            flushes.add_metric([model.model, preset, reason], count)
        for preset, size, count in sorted(model.batch_sizes):
            sizes.add_metric([model.model, preset, str(size)], count)
    return flushes, sizes


def _cascades(cascades: list[CascadeStats]) -> Iterable[Metric]:
    exits = CounterMetricFamily("bailiwick_cascade_exits", "Answers of a cascade's small model", labels=["model"])
    escalations = CounterMetricFamily(
        "bailiwick_cascade_escalations", "Requests that went on to the large one, by why", labels=["model", "reason"]
    )
    for cascade in cascades:
        exits.add_metric([cascade.model], cascade.exits)
        escalations.add_metric([cascade.model, "unsure"], cascade.escalations - cascade.failures)
        escalations.add_metric([cascade.model, "failed"], cascade.failures)
    return exits, escalations


def _refusals(refused: list[tuple[str, str, int]]) -> Metric:
    family = CounterMetricFamily(
        "bailiwick_artifact_refused", "Artifacts that were not used, by why", labels=["model", "reason"]
    )
    for model, reason, count in refused:
        family.add_metric([model, reason], count)
    return family


def _trials(trials: list[TrialStats]) -> Iterable[Metric]:
    seen = CounterMetricFamily(
        "bailiwick_canary_observations", "What was seen of a canary, by guard", labels=["model", "guard", "outcome"]
    )
    tripped = GaugeMetricFamily(
        "bailiwick_canary_guard_tripped", "Whether a canary is to be taken back", labels=["model", "guard"]
    )
    for trial in trials:
        for guard, found in trial.guards.items():
            seen.add_metric([trial.model, guard, "good"], found.seen - found.bad)
            seen.add_metric([trial.model, guard, "bad"], found.bad)
            tripped.add_metric([trial.model, guard], found.tripped)
    return seen, tripped


def _steps(models: list[ModelStats]) -> Metric:
    steps = HistogramMetricFamily("bailiwick_iteration_tokens_total", "Tokens that a step computed", labels=["model"])
    bounds = [*map(str, map(float, STEP_TOKENS)), "+Inf"]
    for model in models:
        counts = list(zip(bounds, accumulate(model.step_tokens), strict=True))
        steps.add_metric([model.model], counts, model.computed_tokens)
    return steps
