from __future__ import annotations

from bench.corpus.speech import dense, typical
from bench.peers.redactors import ours


def test_the_redactor_answers_every_order_of_the_benchmark() -> None:
    with ours() as redactor:
        found = redactor.spans(["Write to anna@example.com", "nothing"])
        seconds = redactor.seconds(["x", "y"], 5)
        chat = {"messages": [{"role": "user", "content": [{"type": "text", "text": "call +49 30 901820"}]}]}
        requests = redactor.ask("requests", [chat, chat])
        tokens = redactor.ask("restoring", [dense(1, 2048)])
        (loads,) = redactor.ask(
            "loading", [{"version": 2, "custom": [{"id": "a", "label": "A", "pattern": "K-[0-9]{4}"}]}]
        )
        memory = redactor.ask("memory")

    assert found == [[(9, 25, "EMAIL", 0.95)], []]
    assert len(seconds) == len(requests) == 2
    assert 0 < tokens[0] < 1e-3
    assert 0 < min(loads) < 0.005
    assert 10 < memory["resident"] <= memory["peak"]


def test_texts_to_time_have_their_length_and_their_values() -> None:
    assert len(typical(1, 4096)) == len(dense(1, 4096)) == 4096
    assert typical(1, 500) != typical(2, 500)
    with ours() as redactor:
        seldom, everywhere = redactor.spans([typical(3, 30_000), dense(3, 30_000)])

    assert 5 <= len(seldom) <= 30
    assert len(everywhere) >= 100
