"""What the gateway counts, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from inference.gateway.metrics import GatewayMetrics


def test_counts_become_samples() -> None:
    metrics, registry = GatewayMetrics(), CollectorRegistry()
    registry.register(metrics)
    metrics.answered("chat", 200, 0.004)
    metrics.answered("chat", 200, 0.3)
    metrics.answered("chat", 429, 400.0)
    metrics.first_text.add(0.02)
    metrics.prompt_tokens, metrics.completion_tokens, metrics.in_flight = 12, 5, 3

    text = generate_latest(registry).decode()

    assert 'gateway_requests_total{endpoint="chat",status="200"} 2.0' in text
    assert 'gateway_requests_total{endpoint="chat",status="429"} 1.0' in text
    assert 'gateway_request_seconds_bucket{endpoint="chat",le="0.005"} 1.0' in text
    assert 'gateway_request_seconds_bucket{endpoint="chat",le="300.0"} 2.0' in text
    assert 'gateway_request_seconds_bucket{endpoint="chat",le="+Inf"} 3.0' in text
    assert "gateway_first_text_seconds_count 1.0" in text
    assert 'gateway_tokens_total{direction="prompt"} 12.0' in text
    assert "gateway_requests_in_flight 3.0" in text
