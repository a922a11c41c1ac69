"""Who gets in, when, with what, and what they are told: through the whole gateway."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

import httpx
import pytest

from cell.access import WorkspaceRef
from cell.config import config
from inference.engine.lanes import Lane as EngineLane
from inference.engine.protocol import CacheScope as EngineCacheScope
from inference.engine.window import Preset as EnginePreset
from inference.gateway import breaker
from inference.gateway.door import Door, Visit
from inference.gateway.errors import ApiError
from inference.gateway.shares import Shares
from tests.factories import Organization, make_key, make_workspace
from tests.inference.gateway.scripted import CHAT, EMBEDDING
from tests.inference.gateway.serving import Served
from workspaces.selectors import serving_get
from workspaces.services import serving_update
from workspaces.serving import CacheScope, Lane, Preset

LEFT = "x-ratelimit-remaining-"


class Caller:
    """A key of a workspace of its own, so that tests do not use up each other's limits."""

    def __init__(self, served: Served, organization: Organization, blocker: Any, **policy: Any) -> None:
        self._organization, self._blocker = organization, blocker
        with blocker.unblock():
            self.workspace: WorkspaceRef = make_workspace(organization)
            self.key = make_key(organization, self.workspace)
        if policy:
            self.decide(**policy)
        headers = {"Authorization": f"Bearer {self.key.token}"}
        self.client = httpx.Client(base_url=served.url, headers=headers, timeout=20)

    def decide(self, **policy: Any) -> None:
        with self._blocker.unblock():
            serving_update(actor=self._organization.owner, workspace=self.workspace, changes=policy)

    def chat(self, text: str = "Hello", *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        body = {"model": CHAT, "messages": [{"role": "user", "content": text}], **more}
        return self.client.post("/v1/chat/completions", json=body, headers=headers)

    def embed(self, **headers: str) -> httpx.Response:
        return self.client.post("/v1/embeddings", json={"model": EMBEDDING, "input": "a"}, headers=headers)

    @contextmanager
    def waiting(self, served: Served, **headers: str) -> Iterator[None]:
        """One request in flight that ends when the block does."""
        body = {"model": CHAT, "messages": [{"role": "user", "content": "!wait"}], "max_tokens": 900, "stream": True}
        before, leave = len(served.engine.requests), threading.Event()

        def call() -> None:
            async def ask() -> None:
                async with httpx.AsyncClient(base_url=str(self.client.base_url), headers=self.client.headers) as client:
                    task = asyncio.create_task(client.post("/v1/chat/completions", json=body, headers=headers))
                    while not leave.is_set():
                        await asyncio.sleep(0.01)
                    task.cancel()

            asyncio.run(ask())

        thread = threading.Thread(target=call)
        thread.start()
        try:
            assert _until(lambda: len(served.engine.requests) > before)
            yield
        finally:
            leave.set()
            thread.join(10)


@pytest.fixture
def caller(served: Served, organization: Organization, django_db_blocker: Any) -> Callable[..., Caller]:
    def make(**policy: Any) -> Caller:
        return Caller(served, organization, django_db_blocker, **policy)

    return make


def _until(look: Callable[[], bool], within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if look():
            return True
        time.sleep(0.01)
    return False


def test_the_words_of_the_policy_are_the_engines() -> None:
    assert set(get_args(EngineLane)) == set(Lane)
    assert set(get_args(EnginePreset)) == set(Preset)
    assert set(get_args(EngineCacheScope)) == {*CacheScope, "public"}


def test_every_answer_says_how_far_the_limits_are(caller: Callable[..., Caller]) -> None:
    limited = caller(requests_per_minute=30, tokens_per_minute=60_000)
    told = [limited.chat(max_tokens=50).headers for _ in range(5)]
    refused = limited.chat()

    for headers in told:
        assert headers["x-ratelimit-limit-requests"] == "30"
        assert headers["x-ratelimit-limit-tokens"] == "60000"
        assert re.fullmatch(r"(\d+m)?\d+s|\d+ms", headers["x-ratelimit-reset-requests"])
    assert [int(headers[LEFT + "requests"]) for headers in told] == [4, 3, 2, 1, 0]
    # The estimate is charged at the door, and settled by what was measured: 12 tokens a request
    assert int(told[0][LEFT + "tokens"]) == 10_000 - 50 - 5
    assert int(told[4][LEFT + "tokens"]) >= 10_000 - 4 * 12 - 50 - 5
    assert told[4]["x-ratelimit-reset-requests"] in ("9s", "10s")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 4
    assert refused.headers[LEFT + "requests"] == "0"


def test_the_waits_of_many_refused_callers_differ(caller: Callable[..., Caller]) -> None:
    limited = caller(requests_per_minute=1)
    limited.embed()
    waits = [int(limited.embed().headers["retry-after"]) for _ in range(30)]

    assert min(waits) >= 59
    assert max(waits) <= 76
    assert len(set(waits)) > 3


def test_tokens_are_charged_before_they_are_made_and_settled_after(
    caller: Callable[..., Caller], served: Served
) -> None:
    limited = caller(tokens_per_minute=6000)
    with limited.waiting(served):
        refused = limited.chat(max_tokens=900)
        small = limited.chat(max_tokens=20)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "token_rate_limit_exceeded")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert int(refused.headers["retry-after"]) >= 7
    assert small.status_code == 200
    # A caller that goes away before its answer began pays what it asked for
    assert int(small.headers[LEFT + "tokens"]) < 200
    assert limited.chat(max_tokens=900).status_code == 429


def test_what_the_model_failed_costs_no_tokens(caller: Callable[..., Caller]) -> None:
    limited = caller(tokens_per_minute=6000)
    statuses = [limited.chat("!refuse 500", max_tokens=900).status_code for _ in range(3)]

    assert statuses == [500] * 3
    assert limited.chat(max_tokens=900).status_code == 200


def test_a_stream_that_breaks_is_charged_what_was_heard(caller: Callable[..., Caller]) -> None:
    limited = caller(tokens_per_minute=6000)
    before = limited.chat("Hello there", max_tokens=10)
    broken = limited.chat("!fail-late and more of it", max_tokens=700, stream=True)
    after = limited.chat("Hello there", max_tokens=10)

    assert "error" in broken.text
    charged = int(before.headers[LEFT + "tokens"]) - int(after.headers[LEFT + "tokens"])
    # What the first was settled as beyond its estimate, a prompt of about ten, the two tokens of the stream and the last one's
    # estimate come to 24; the rate gives a hundred a second back. All that the stream might have been is 700.
    assert -40 <= charged <= 24


def test_some_places_are_for_realtime_alone(caller: Callable[..., Caller], served: Served) -> None:
    limited = caller(concurrency=2, realtime_reserve_percent=50)
    with limited.waiting(served):
        refused = limited.embed()
        let_in = limited.embed(**{"x-bailiwick-lane": "realtime"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "concurrency_limit_exceeded")
    assert int(refused.headers["retry-after"]) >= 1
    assert let_in.status_code == 200
    assert served.engine.last.lane == "realtime"
    assert _until(lambda: limited.embed().status_code == 200)


def test_a_workspace_has_the_lanes_it_has(caller: Callable[..., Caller], served: Served) -> None:
    limited = caller(lanes=["realtime", "batch"])
    refused = limited.embed(**{"x-bailiwick-lane": "standard"})
    unknown = limited.embed(**{"x-bailiwick-lane": "express"})
    unsaid = limited.embed()

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "lane_not_allowed")
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "x-bailiwick-lane")
    assert (unsaid.status_code, served.engine.last.lane) == (200, "batch")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "", "600001", "9" * 40, "１０"])
def test_a_wrong_deadline_is_refused(caller: Callable[..., Caller], value: str) -> None:
    response = caller().client.post(
        "/v1/embeddings",
        json={"model": EMBEDDING, "input": "a"},
        headers=[(b"x-bailiwick-deadline-ms", value.encode())],  # type: ignore[arg-type]  # as bytes, which it takes
    )

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "x-bailiwick-deadline-ms"


def test_the_engine_is_told_what_is_left_of_the_deadline(caller: Callable[..., Caller], served: Served) -> None:
    asker = caller()
    assert asker.chat(headers={"x-bailiwick-deadline-ms": "5000"}).status_code == 200
    assert 4 < served.engine.last.deadline_s < 5
    assert asker.chat().status_code == 200
    assert served.engine.last.deadline_s is None


def test_an_engine_that_misses_the_deadline_is_not_waited_for(caller: Callable[..., Caller]) -> None:
    began = time.monotonic()
    late = caller().chat("!wait", headers={"x-bailiwick-deadline-ms": "200"})

    assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - began < 3


def test_the_engine_is_told_what_the_workspace_may_have(
    caller: Callable[..., Caller], served: Served, organization: Organization
) -> None:
    asker = caller(cache_scope="key", preset="low-latency", weight_percent=250, queued_tokens=9000)
    asker.chat(user="anna")
    chat = served.engine.last
    asker.chat(safety_identifier="anna")
    again = served.engine.last
    asker.embed()
    embedding = served.engine.last

    assert (chat.cache, chat.weight, chat.key) == ("key", 2.5, asker.key.key.prefix.rpartition("-")[2])
    assert chat.queued_tokens == 9000
    assert re.fullmatch("[0-9a-f]{32}", chat.subject)
    assert again.subject == chat.subject
    assert (embedding.preset, embedding.weight, embedding.subject) == ("low-latency", 2.5, "")


def test_what_a_caller_writes_changes_none_of_it(caller: Callable[..., Caller], served: Served) -> None:
    asker = caller()
    claims = {"cache": "public", "weight": 9.0, "key": "x", "subject": "x", "deadline_s": 1, "preset": "balanced"}
    assert asker.chat(**claims).status_code == 200
    told = served.engine.last

    assert (told.cache, told.weight, told.subject, told.deadline_s) == ("workspace", 1.0, "", None)
    assert told.key != "x"


def test_a_changed_policy_serves_within_a_second(caller: Callable[..., Caller], served: Served) -> None:
    asker = caller()
    asker.embed()
    assert served.engine.last.preset is None
    asker.decide(preset="balanced", lanes=["standard"])

    def live() -> bool:
        refused = asker.embed(**{"x-bailiwick-lane": "batch"}).status_code == 403
        asker.embed()
        return refused and served.engine.last.preset == "balanced"

    assert _until(live, within_s=1.0)


def test_a_model_that_fails_is_left_alone_and_tried_again(
    caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "OPEN_S", 0.6)
    unlucky, other = caller(), caller()
    errors = [unlucky.chat("!refuse 500").status_code for _ in range(breaker.FEWEST)]
    refused = unlucky.chat()
    elsewhere = [other.chat().status_code, unlucky.embed().status_code]
    assert _until(lambda: unlucky.chat().status_code == 200, within_s=3)
    after = [unlucky.chat().status_code for _ in range(5)]

    assert errors == [500] * breaker.FEWEST
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "circuit_open")
    assert int(refused.headers["retry-after"]) >= 1
    assert elsewhere == [200, 200]
    assert after == [200] * 5


@pytest.mark.parametrize("text", ["!refuse 400", "!refuse 429", "!refuse 503", "!reason erased"])
def test_what_is_not_the_models_fault_leaves_it_open(caller: Callable[..., Caller], text: str) -> None:
    asker = caller()
    for _ in range(breaker.FEWEST + 5):
        asker.chat(text)

    assert asker.chat().status_code == 200


def test_a_process_keeps_places_for_realtime_and_says_that_it_is_full(
    organization: Organization, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        serving = serving_get(organization.workspace)

    async def run() -> None:
        shares = Shares(config().redis_url, 1)
        door, limiter = Door(shares, 20), shares.limiter(organization.workspace.id, serving)

        def enter(lane: EngineLane) -> Visit:
            entered = door.enter(limiter, lane)
            assert isinstance(entered, Visit)
            return entered

        visits = [enter("standard") for _ in range(18)]
        with pytest.raises(ApiError) as refused:
            enter("batch")
        assert (refused.value.status, refused.value.code) == (503, "overloaded")
        assert refused.value.retry_after_s is not None
        visits += [enter("realtime") for _ in range(2)]
        with pytest.raises(ApiError):
            enter("realtime")
        door.leave(visits.pop(), None)
        visits.append(enter("realtime"))
        for visit in visits:
            door.leave(visit, None)
        assert limiter.in_flight == 0
        await shares.close()

    asyncio.run(run())
