from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn

from compiler.bench.comparison import compare
from compiler.bench.harness import NothingServed, alone, run
from compiler.bench.memory import peak_memory
from compiler.bench.picture import as_svg
from compiler.bench.profiles import Profile, Request, bursty, draw, single_shot, standard
from compiler.bench.report import Price, as_json, as_table

REQUESTS = draw(12, vocabulary=256, prompt=(4, 16), answer=(3, 6), seed=1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def generating(width: int, *, passes: int = 1) -> Callable[[Request], int]:
    """A small model in one lane that generates greedily, `passes` times as slowly as it could."""
    torch.manual_seed(0)
    lane = threading.Lock()
    model = nn.Sequential(nn.Embedding(256, width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 256)).eval()

    def serve(request: Request) -> int:
        tokens = list(request.prompt)
        with lane, torch.inference_mode():
            for _ in range(request.answer):
                for _ in range(passes):
                    logits = model(torch.tensor(tokens))
                tokens.append(int(logits[-1].argmax()))
        return request.answer

    return serve


def one_at_a_time(seconds: float) -> Callable[[Request], int]:
    lane = threading.Lock()

    def serve(request: Request) -> int:
        with lane:
            time.sleep(seconds)
        return 1

    return serve


def test_every_request_is_answered_once_and_its_tokens_counted() -> None:
    found = run(generating(32), single_shot(REQUESTS))

    assert [answer.number for answer in found.answers] == list(range(12))
    assert sum(answer.tokens for answer in found.answers) == sum(request.answer for request in REQUESTS)
    assert found.tokens_per_second == pytest.approx(sum(request.answer for request in REQUESTS) / found.wall_s)
    assert min(found.latencies) <= found.percentile(0.5) <= found.percentile(0.99) == max(found.latencies)
    assert found.failed == {}


def test_waiting_behind_others_counts() -> None:
    profile = bursty(REQUESTS[:8], size=8, every_s=1)

    found = run(one_at_a_time(0.02), profile)

    assert min(found.latencies) >= 0.02
    assert max(found.latencies) >= 8 * 0.02


@pytest.mark.parametrize("workers", [1, 8])
def test_waiting_for_a_free_worker_counts_as_well(workers: int) -> None:
    found = run(one_at_a_time(0.02), bursty(REQUESTS[:8], size=8, every_s=1), workers=workers)

    assert max(found.latencies) >= 8 * 0.02


def test_requests_arrive_when_the_profile_says() -> None:
    profile = Profile("two", REQUESTS[:2], (0.0, 0.2))

    found = run(one_at_a_time(0.01), profile)

    assert found.wall_s >= 0.21
    assert max(found.latencies) < 0.2


def test_what_fails_is_counted_and_the_rest_measured() -> None:
    def serve(request: Request) -> int:
        return 10 // (request.number % 3)

    found = run(serve, single_shot(REQUESTS))

    assert found.failed == {"ZeroDivisionError": 4}
    assert len(found.answers) == 8
    with pytest.raises(NothingServed, match=r"none of 12 requests was answered: \{'ZeroDivisionError': 12\}"):
        run(lambda request: 1 // 0, single_shot(REQUESTS))


def test_a_short_peak_of_memory_is_seen() -> None:
    def serve(request: Request) -> int:
        return int(np.ones(200 << 20, dtype=np.int8)[-1])

    small, large = run(lambda request: 1, single_shot(REQUESTS)), run(serve, single_shot(REQUESTS[:3]))

    assert large.peak.resident - small.peak.resident > 150 << 20


def test_a_million_tokens_cost_what_the_device_costs_meanwhile() -> None:
    found = run(one_at_a_time(0.01), single_shot(REQUESTS))

    assert found.cost(3.6) == pytest.approx(1e6 / found.tokens_per_second / 1000)


def test_a_server_that_works_eight_times_as_much_is_seen_in_each_profile() -> None:
    fast, slow = generating(384), generating(384, passes=8)

    found = compare(fast, slow, standard(REQUESTS, seconds=alone(slow, REQUESTS)), rounds=5, workers=4)

    deltas = [comparison.deltas() for comparison in found]
    assert min(each["p50"].ratio for each in deltas) > 1.5
    assert deltas[0]["p50"].low > 1 and deltas[0]["tokens_per_second"].low > 1
    assert deltas == [comparison.deltas() for comparison in found]


def test_a_server_equals_itself() -> None:
    same = one_at_a_time(0.005)

    (found,) = compare(same, same, [single_shot(REQUESTS)], rounds=4)

    assert found.deltas()["p50"].low < 1.05
    assert found.deltas()["p50"].high > 0.95


def test_figures_come_as_a_table_as_json_and_as_a_picture() -> None:
    fast, slow = generating(32), one_at_a_time(0.01)
    found = compare(fast, slow, standard(REQUESTS, seconds=0.01), rounds=2)
    price = Price(2.5)

    table = list(as_table(found, price=price))
    entries = json.loads(json.dumps(as_json(found, price=price)))
    picture = ElementTree.fromstring(as_svg(found, ours="this <one>", theirs="that & other"))

    assert [entry["profile"] for entry in entries] == ["single-shot", "bursty", "steady"]
    assert all(len(entry["samples"]["ours"]) == 2 for entry in entries)
    assert all(entry["ours"]["p50"] <= entry["ours"]["p95"] <= entry["ours"]["p99"] for entry in entries)
    assert all(entry["deltas"]["p50"]["low"] <= entry["deltas"]["p50"]["high"] for entry in entries)
    assert len(table) == 1 + 3 * 6
    assert any("EUR per million tokens" in line for line in table)
    namespace = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{namespace}polyline")) == 6
    texts = [text.text or "" for text in picture.findall(f"{namespace}text")]
    assert texts[:2] == ["this <one>", "that & other"]
    assert sum("p50 " in text for text in texts) == 3


def test_one_server_alone_has_figures_and_no_deltas() -> None:
    told: list[tuple[str, int, int]] = []
    found = compare(
        one_at_a_time(0.002), None, [single_shot(REQUESTS)], rounds=2, progress=lambda *each: told.append(each)
    )

    (entry,) = as_json(found, price=Price(1.0))
    picture = ElementTree.fromstring(as_svg(found, ours="alone"))

    assert told == [("single-shot", 1, 2), ("single-shot", 2, 2)]
    assert (entry["theirs"], entry["deltas"], list(entry["samples"])) == (None, {}, ["ours"])
    assert next(as_table(found, ours="alone")).split() == ["profile", "figure", "alone"]
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 1


def test_the_memory_of_another_process_is_watched() -> None:
    program = (
        "import sys; sys.stdin.readline(); a = bytearray(200 << 20); print(len(a), flush=True); sys.stdin.readline()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as other:
        assert other.stdin is not None and other.stdout is not None
        with peak_memory(other.pid) as peak:
            print(file=other.stdin, flush=True)
            other.stdout.readline()
        other.stdin.close()

    assert 200 << 20 <= peak.resident < 300 << 20
