"""What the inference API counts. No label names a tenant, a model or anything a caller wrote.

The counts are plain numbers of the one event loop that answers requests, and become samples when somebody asks for them: the
library's own counters take a lock each time, which would be a tenth of a request's cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histograms' buckets."""


class Durations:
    """A histogram of seconds."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def sample(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        buckets, total = [], 0
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(labels, buckets, self._sum)


class GatewayMetrics:
    """The counts of this process's inference API; a collector of prometheus_client."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.first_text = Durations()
        self._answers: dict[tuple[str, int], int] = {}
        self._durations: dict[str, Durations] = {}

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Counts an answer; `endpoint` is a name of ours."""
        key = (endpoint, status)
        self._answers[key] = self._answers.get(key, 0) + 1
        durations = self._durations.get(endpoint)
        if durations is None:
            durations = self._durations[endpoint] = Durations()
        durations.add(seconds)

    def collect(self) -> Iterable[Metric]:
        answers = CounterMetricFamily("gateway_requests", "Answers of the inference API", labels=["endpoint", "status"])
        for (endpoint, status), count in sorted(self._answers.items()):
            answers.add_metric([endpoint, str(status)], count)
        yield answers
        durations = HistogramMetricFamily(
            "gateway_request_seconds", "From a request's first byte to its answer's last", labels=["endpoint"]
        )
        for endpoint, seconds in sorted(self._durations.items()):
            seconds.sample(durations, [endpoint])
        yield durations
        first = HistogramMetricFamily(
            "gateway_first_text_seconds", "From a request's first byte to a stream's first text"
        )
        self.first_text.sample(first, [])
        yield first
        tokens = CounterMetricFamily("gateway_tokens", "Tokens read and written", labels=["direction"])
        tokens.add_metric(["prompt"], self.prompt_tokens)
        tokens.add_metric(["completion"], self.completion_tokens)
        yield tokens
        yield GaugeMetricFamily(
            "gateway_requests_in_flight", "Inference requests admitted and not yet ended", value=self.in_flight
        )


METRICS = GatewayMetrics()
REGISTRY.register(METRICS)
