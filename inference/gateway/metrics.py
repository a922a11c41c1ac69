"""What the inference API counts. No label names a tenant or anything a caller wrote; a model's name is the operator's.

Names, units and buckets are vLLM's with underscores, so that its dashboards serve; `class` is the lane. The counts are plain
numbers of the one event loop that answers requests, and become samples when somebody asks for them: the library's own counters
take a lock each time, which would be a tenth of a request's cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from inference.engine.lanes import LANES, Lane
from inference.engine.protocol import Timings
from inference.gateway.ending import Ending

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the buckets, as those below."""
# fmt: off
FIRST_TOKEN_SECONDS = (
    .001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)
INTER_TOKEN_SECONDS = (
    .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)
REQUEST_SECONDS = (
    # Embeddings take milliseconds: vLLM's own begin at 0.3.
    .001, .0025, .005, .01, .025, .05, .1, .25,
    .3, .5, .8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0,
)
TOKENS = tuple(float(step * 10**power) for power in range(6) for step in (1, 2, 5))
# fmt: on


class Histogram:
    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def sample(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        buckets, total = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(labels, buckets, self._sum)


class LaneMetrics:
    """What is counted of one lane."""

    __slots__ = (
        "decode",
        "first_token",
        "generation_tokens",
        "inference",
        "inter_token",
        "lasted",
        "per_token",
        "prefill",
        "prompt_tokens",
        "queue",
        "rejected",
        "succeeded",
    )

    def __init__(self) -> None:
        self.first_token = Histogram(FIRST_TOKEN_SECONDS)
        self.inter_token = Histogram(INTER_TOKEN_SECONDS)
        self.lasted = Histogram(REQUEST_SECONDS)
        self.queue = Histogram(REQUEST_SECONDS)
        self.prefill = Histogram(REQUEST_SECONDS)
        self.decode = Histogram(REQUEST_SECONDS)
        self.inference = Histogram(REQUEST_SECONDS)
        self.per_token = Histogram(INTER_TOKEN_SECONDS)
        self.prompt_tokens = Histogram(TOKENS)
        self.generation_tokens = Histogram(TOKENS)
        self.succeeded: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()

    def timed(self, timings: Timings, tokens: int) -> None:
        """Counts where a completed request's time in the engine went; `tokens` are those of one of its answers."""
        prefill, decode = timings.prefill_s, timings.decode_s
        self.queue.add(timings.queue_s)
        self.prefill.add(prefill)
        self.inference.add(prefill + decode)
        if tokens > 0:  # an embedding has no answer to decode
            self.decode.add(decode)
        if tokens > 1:
            self.per_token.add(decode / (tokens - 1))


_HISTOGRAMS = {
    "time_to_first_token_seconds": ("first_token", "From a request's first byte to a stream's first text"),
    "inter_token_latency_seconds": ("inter_token", "Between two pieces of a stream"),
    "e2e_request_latency_seconds": ("lasted", "From a request's first byte to its answer's last"),
    "request_queue_time_seconds": ("queue", "From the engine's door to a request's first step"),
    "request_prefill_time_seconds": ("prefill", "From there to its first token, or to an embedding's last vector"),
    "request_decode_time_seconds": ("decode", "From an answer's first token to its last"),
    "request_inference_time_seconds": ("inference", "Prefill and decode together"),
    "request_time_per_output_token_seconds": ("per_token", "Of an answer's tokens after the first, on average"),
    "request_prompt_tokens": ("prompt_tokens", "Tokens of a completed request's prompt"),
    "request_generation_tokens": ("generation_tokens", "Tokens of a completed request's answer"),
}


class GatewayMetrics:
    """The counts of this process's inference API; a collector of prometheus_client."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.limits_local = 0
        """1 while the limits are held without the other processes."""
        self.lanes: dict[str, LaneMetrics] = {lane: LaneMetrics() for lane in LANES}
        self._answers: dict[tuple[str, int], int] = {}
        self._durations: dict[str, Histogram] = {}
        self._opened: Counter[str] = Counter()

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Counts an answer; `endpoint` is a name of ours."""
        key = (endpoint, status)
        self._answers[key] = self._answers.get(key, 0) + 1
        durations = self._durations.get(endpoint)
        if durations is None:
            durations = self._durations[endpoint] = Histogram(SECONDS)
        durations.add(seconds)

    def ended(self, lane: Lane, ending: Ending, seconds: float) -> None:
        """Counts a request that was admitted; those that failed are in `gateway_requests` alone."""
        if ending.status == "completed":
            counts = self.lanes[lane]
            counts.lasted.add(seconds)
            counts.prompt_tokens.add(ending.prompt_tokens)
            counts.generation_tokens.add(ending.completion_tokens)
            counts.succeeded[ending.finish_reason or "stop"] += 1
            if ending.timings is not None:
                counts.timed(ending.timings, ending.completion_tokens // (ending.choices or 1))
        elif ending.status == "cancelled":
            self.lanes[lane].succeeded["abort"] += 1

    def rejected(self, lane: Lane, reason: str) -> None:
        self.lanes[lane].rejected[reason] += 1

    def opened(self, model: str) -> None:
        """A circuit breaker of some workspace opened for `model`."""
        self._opened[model] += 1

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
        tokens = CounterMetricFamily("gateway_tokens", "Tokens read and written", labels=["direction"])
        tokens.add_metric(["prompt"], self.prompt_tokens)
        tokens.add_metric(["completion"], self.completion_tokens)
        yield tokens
        yield GaugeMetricFamily(
            "gateway_requests_in_flight", "Inference requests admitted and not yet ended", value=self.in_flight
        )
        yield GaugeMetricFamily(
            "gateway_limits_local", "Whether limits are held by shares, Redis being away", value=self.limits_local
        )
        yield from self._by_lane()

    def _by_lane(self) -> Iterable[Metric]:
        for name, (attribute, help_text) in _HISTOGRAMS.items():
            family = HistogramMetricFamily(f"bailiwick_{name}", help_text, labels=["class"])
            for lane, counts in self.lanes.items():
                getattr(counts, attribute).sample(family, [lane])
            yield family
        succeeded = CounterMetricFamily(
            "bailiwick_request_success",
            "Requests that ended well, by why they ended",
            labels=["class", "finished_reason"],
        )
        rejected = CounterMetricFamily(
            "bailiwick_admission_rejections", "Requests refused at the door", labels=["class", "reason"]
        )
        for lane, counts in self.lanes.items():
            for reason, count in sorted(counts.succeeded.items()):
                succeeded.add_metric([lane, reason], count)
            for reason, count in sorted(counts.rejected.items()):
                rejected.add_metric([lane, reason], count)
        yield succeeded
        yield rejected
        opened = CounterMetricFamily(
            "bailiwick_circuit_breaker_opened", "How often a workspace's breaker opened", labels=["model", "reason"]
        )
        for model, count in sorted(self._opened.items()):
            opened.add_metric([model, "errors"], count)
        yield opened


METRICS = GatewayMetrics()
REGISTRY.register(METRICS)
