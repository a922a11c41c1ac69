"""What the gateway counts, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from inference.engine.protocol import Timings
from inference.gateway.ending import Ending
from inference.gateway.metrics import GatewayMetrics


def test_counts_become_samples() -> None:
    metrics, registry = GatewayMetrics(), CollectorRegistry()
    registry.register(metrics)
    metrics.answered("chat", 200, 0.004)
    metrics.answered("chat", 200, 0.3)
    metrics.answered("chat", 429, 400.0)
    metrics.lanes["realtime"].first_token.add(0.02)
    metrics.lanes["realtime"].inter_token.add(0.3)
    metrics.ended("realtime", Ending("completed", 200, "length", 12, 10, None, 2, Timings(0.25, 0.5, 1.0)), 0.4)
    metrics.ended("realtime", Ending("completed", 200, "length", 12, 1, None, 1, Timings(0.25, 0.5)), 0.4)
    metrics.ended("batch", Ending("completed", 200, None, 3, 0, None, 1, Timings(0.0, 0.001)), 0.002)
    metrics.ended("batch", Ending("cancelled", 499), 0.4)
    metrics.ended("batch", Ending("failed", 503), 0.4)
    metrics.rejected("standard", "tokens")
    metrics.opened("llama")
    metrics.prompt_tokens, metrics.completion_tokens, metrics.in_flight = 12, 5, 3

    text = generate_latest(registry).decode()

    assert 'gateway_requests_total{endpoint="chat",status="200"} 2.0' in text
    assert 'gateway_requests_total{endpoint="chat",status="429"} 1.0' in text
    assert 'gateway_request_seconds_bucket{endpoint="chat",le="0.005"} 1.0' in text
    assert 'gateway_request_seconds_bucket{endpoint="chat",le="300.0"} 2.0' in text
    assert 'gateway_request_seconds_bucket{endpoint="chat",le="+Inf"} 3.0' in text
    assert 'bailiwick_time_to_first_token_seconds_bucket{class="realtime",le="0.02"} 1.0' in text
    assert 'bailiwick_inter_token_latency_seconds_bucket{class="realtime",le="0.2"} 0.0' in text
    assert 'bailiwick_inter_token_latency_seconds_bucket{class="realtime",le="0.3"} 1.0' in text
    assert 'bailiwick_e2e_request_latency_seconds_count{class="batch"} 1.0' in text
    assert 'bailiwick_e2e_request_latency_seconds_bucket{class="batch",le="0.0025"} 1.0' in text
    assert 'bailiwick_request_prompt_tokens_bucket{class="realtime",le="20.0"} 2.0' in text
    assert 'bailiwick_request_generation_tokens_sum{class="realtime"} 11.0' in text
    assert 'bailiwick_request_queue_time_seconds_sum{class="realtime"} 0.5' in text
    assert 'bailiwick_request_prefill_time_seconds_sum{class="realtime"} 1.0' in text
    assert 'bailiwick_request_decode_time_seconds_bucket{class="realtime",le="0.8"} 1.0' in text
    assert 'bailiwick_request_decode_time_seconds_bucket{class="realtime",le="1.0"} 2.0' in text
    assert 'bailiwick_request_inference_time_seconds_sum{class="realtime"} 2.0' in text
    # 10 tokens are 5 of each of two choices, of which 4 followed the first in 1 s; a single token has no successor
    assert 'bailiwick_request_time_per_output_token_seconds_sum{class="realtime"} 0.25' in text
    assert 'bailiwick_request_time_per_output_token_seconds_count{class="realtime"} 1.0' in text
    assert 'bailiwick_request_prefill_time_seconds_bucket{class="batch",le="0.001"} 1.0' in text
    assert 'bailiwick_request_decode_time_seconds_count{class="batch"} 0.0' in text
    assert 'bailiwick_request_success_total{class="realtime",finished_reason="length"} 2.0' in text
    assert 'bailiwick_request_success_total{class="batch",finished_reason="stop"} 1.0' in text
    assert 'bailiwick_request_success_total{class="batch",finished_reason="abort"} 1.0' in text
    assert 'bailiwick_admission_rejections_total{class="standard",reason="tokens"} 1.0' in text
    assert 'bailiwick_circuit_breaker_opened_total{model="llama",reason="errors"} 1.0' in text
    assert "gateway_limits_local 0.0" in text
    assert 'gateway_tokens_total{direction="prompt"} 12.0' in text
    assert "gateway_requests_in_flight 3.0" in text
