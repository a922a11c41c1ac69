"""However a request ends, the log says so once, and nothing was answered that it does not know."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from audit.entry import Kind
from audit.groupcommit import AuditUnavailable, Item
from cell.config import config
from inference.gateway.app import Application
from inference.gateway.lost import close_all
from inference.gateway.processes import RequestIds, new_tag
from tests.factories import Organization
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT
from tests.inference.gateway.serving import Served


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": CHAT, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_leaves_cancels_the_engines_work(
    client: httpx.Client, served: Served, log: Log, organization: Organization, streamed: bool
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=chat("!wait", stream=streamed), timeout=0.5)
    request_id = log.newest(organization.workspace.id)
    assert request_id is not None
    outcome = log.outcome(request_id, within_s=3)
    assert outcome is not None
    assert (outcome["after"]["status"], outcome["after"]["http_status"]) == ("cancelled", 499)
    assert served.engine.cancelled[-1] == request_id


def test_an_engine_that_refuses_is_recorded_and_passed_on(client: httpx.Client, log: Log) -> None:
    response = client.post("/v1/chat/completions", json=chat("!refuse 503"))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    record = log.record(response.headers["x-request-id"])
    assert record is not None
    assert (record["status"], record["http_status"]) == ("failed", 503)


def test_a_stream_refused_at_its_start_has_a_status_of_its_own(client: httpx.Client) -> None:
    response = client.post("/v1/chat/completions", json=chat("!refuse 400", stream=True))
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("word", "code"), [("!fail-late", "broken"), ("!half", "engine_unavailable")])
def test_a_stream_that_breaks_ends_with_an_error_event(client: httpx.Client, log: Log, word: str, code: str) -> None:
    response = client.post("/v1/chat/completions", json=chat(f"{word} and more text", stream=True))
    assert response.status_code == 200
    assert "[DONE]" not in response.text
    last = response.text.rstrip().rpartition("data: ")[2]
    assert f'"code":"{code}"' in last
    outcome = log.outcome(response.headers["x-request-id"])
    assert outcome is not None and outcome["after"]["status"] == "failed"


def test_a_lost_engine_is_503_until_it_is_back(client: httpx.Client, served: Served) -> None:
    served.loop.call_soon_threadsafe(served.engine.connections[-1].abort)
    statuses = {client.post("/v1/chat/completions", json=chat("Hi")).status_code for _ in range(20)}
    assert statuses <= {200, 503}
    assert client.post("/v1/chat/completions", json=chat("Hi")).status_code == 200


def test_an_erased_request_is_410(client: httpx.Client) -> None:
    assert client.post("/v1/chat/completions", json=chat("!reason erased")).status_code == 410


def test_a_full_log_refuses_before_anything_is_done(
    client: httpx.Client, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = served.application._running
    assert running is not None
    client.post("/v1/chat/completions", json=chat("Hi"))
    seen = len(served.engine.requests)
    monkeypatch.setattr(type(running.audit), "pending", property(lambda _: 1_000_000))
    response = client.post("/v1/chat/completions", json=chat("Hi"))
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "audit_unavailable"
    assert "retry-after" in response.headers
    assert len(served.engine.requests) == seen


def test_an_unwritten_intent_is_never_answered_and_still_gets_its_outcome(
    client: httpx.Client, served: Served, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = served.application._running
    assert running is not None
    submit = running.audit.submit

    def late(item: Item) -> asyncio.Future[None]:
        """The database takes the intent, but the gateway is told that nobody knows."""
        written = submit(item)
        if item.kind is not Kind.INTENT:
            return written
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(AuditUnavailable())
        return failed

    monkeypatch.setattr(running.audit, "submit", late)
    response = client.post("/v1/chat/completions", json=chat("Hi"))
    assert response.status_code == 503
    request_id = response.headers["x-request-id"]
    assert log.outcome(request_id, within_s=2) is not None
    assert log.intent(request_id) is not None


def test_a_log_that_fills_up_meanwhile_stops_the_engine(
    client: httpx.Client, served: Served, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = served.application._running
    assert running is not None

    def refuse(item: Item) -> asyncio.Future[None]:
        raise AuditUnavailable

    monkeypatch.setattr(running.audit, "submit", refuse)
    response = client.post("/v1/chat/completions", json=chat("!wait"))
    assert response.status_code == 503
    assert log.intent(response.headers["x-request-id"]) is None
    assert log.outcome(response.headers["x-request-id"]) is None
    assert len(served.engine.cancelled) >= 1


def test_requests_of_a_dead_process_are_closed_once(
    client: httpx.Client, log: Log, organization: Organization, served: Served
) -> None:
    # Given a process that died with one request open and one answered
    tag = new_tag()
    ids = RequestIds(tag)
    open_one, answered = ids.new(), ids.new()
    request_id = client.post("/v1/chat/completions", json=chat("Hi")).headers["x-request-id"]
    with psycopg.connect(config().database.conninfo, autocommit=True) as web:
        web.execute(
            "insert into gateway_process (tag, started_at, seen_at) values (%s, now(), now() - interval '1 minute')",
            [tag],
        )
    intent = log.body(request_id)
    outcome = log.body(request_id, outcome=True)
    log.copy(intent, open_one, Kind.INTENT, organization)
    log.copy(intent, answered, Kind.INTENT, organization)
    log.copy(outcome, answered, Kind.OUTCOME, organization)
    # When the cell looks for lost requests, twice
    assert asyncio.run(close_all()) == 1
    assert asyncio.run(close_all()) == 0
    # Then the open one is unknown, and the process that lives is left alone
    name = f"req_{config().cell}_{open_one.hex}"
    closed, record = log.outcome(name), log.record(name)
    assert closed is not None and record is not None
    assert closed["after"] == {"status": "unknown"}
    assert (record["status"], record["model"]) == ("unknown", CHAT)


def test_a_stopping_process_writes_what_it_was_given(served: Served, organization: Organization, log: Log) -> None:
    # Given a request under way in a second process of the same cell
    async def run() -> str:
        application = Application()
        await application.startup()
        body = b'{"model":"scripted","messages":[{"role":"user","content":"!wait"}]}'
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "client": None,
            "headers": [(b"authorization", f"Bearer {organization.api_key}".encode())],
        }
        sent = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            return sent.pop() if sent else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            """Nothing is answered."""

        task = asyncio.create_task(application(scope, receive, send))
        await asyncio.sleep(0.3)
        # When the server gives up on it and stops
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await application.shutdown()
        return str(log.newest(organization.workspace.id))

    outcome = log.outcome(asyncio.run(run()), within_s=1)
    assert outcome is not None and outcome["after"]["status"] == "cancelled"


def test_the_process_is_seen(served: Served, log: Log) -> None:
    assert log.count("select count(*) from gateway_process where seen_at > now() - interval '5 seconds'") >= 1
