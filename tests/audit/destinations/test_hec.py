from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from audit.destinations import Evidence
from audit.destinations.errors import Busy, Misconfigured, Refused, Unacknowledged
from audit.destinations.hec import Collector, HecDestination
from audit.destinations.https import Endpoint, HttpsClient
from audit.destinations.tls import context
from audit.formats import Format
from tests.audit.destinations.batches import BODIES, HERE, batch
from tests.audit.formats.entries import LOG
from tests.peers import collector
from tests.peers.certificates import Authority
from tests.peers.receiver import Heard, Said, running

TOKEN = "0aab8a2d-token"
CHANNEL = uuid4()


class _Clock:
    """Waiting that takes no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def splunk(authority: Authority, tmp_path: Path) -> Iterator[collector.Collector]:
    with running(collector.Collector(authority.server("localhost"), tmp_path, TOKEN)) as found:
        yield found


def _hec(
    splunk: collector.Collector, authority: Authority, token: str = TOKEN, index: str | None = None
) -> HecDestination:
    client, clock = HttpsClient(Endpoint.parse(splunk.url), HERE, context(authority.certificate)), _Clock()
    return HecDestination(client, "/", token, Collector(CHANNEL, index), sleep=clock.sleep, clock=lambda: clock.now)


@pytest.mark.parametrize("name", list(Format))
def test_a_batch_is_acknowledged_when_the_indexer_says_so(
    splunk: collector.Collector, authority: Authority, name: Format
) -> None:
    splunk.indexes_after = 3

    receipt = _hec(splunk, authority, index="audit").send(batch(name))

    asked = [heard.path for heard in splunk.heard]
    assert asked == ["/services/collector/event", *["/services/collector/ack"] * 4]
    assert {heard.headers["x-splunk-request-channel"] for heard in splunk.heard} == {str(CHANNEL)}
    assert (receipt.evidence, receipt.sha256) == (Evidence.INDEXED, sha256(splunk.heard[0].body).hexdigest())
    for event, item in zip(splunk.indexed, batch(name).items, strict=True):
        found = event["event"]
        assert found == (item.line.decode() if name is Format.CEF else json.loads(item.line))
        assert event["sourcetype"] == f"bailiwick:{name.value}" and event["index"] == "audit"
        assert (event["source"], event["host"], event["time"]) == (LOG.origin, "eu-de-1", "1795256937.496")
        assert event["fields"] == {"bailiwick_entry": item.id, "bailiwick_batch": "batch-00000001"}


def test_a_200_without_the_indexers_word_does_not_acknowledge(
    splunk: collector.Collector, authority: Authority
) -> None:
    splunk.indexes_after = -1

    with pytest.raises(Unacknowledged):
        _hec(splunk, authority).send(batch())

    assert splunk.indexed == []
    assert 5 < len(splunk.heard) < 40


def test_a_restart_that_forgets_the_batch_makes_it_come_again_and_the_same(
    splunk: collector.Collector, authority: Authority
) -> None:
    splunk.indexes_after = -1
    hec = _hec(splunk, authority)
    with pytest.raises(Unacknowledged):
        hec.send(batch())
    splunk.restart()
    splunk.indexes_after = 0

    hec.send(batch())

    sent = [heard.body for heard in splunk.heard if heard.path.endswith("/event")]
    assert len(sent) == 2 and sent[0] == sent[1]
    assert len(splunk.indexed) == len(BODIES)


def test_one_batch_is_not_acknowledged_by_another_ones_number(
    splunk: collector.Collector, authority: Authority
) -> None:
    hec = _hec(splunk, authority)
    hec.send(batch())
    hec.send(batch(key="batch-00000002"))

    asked = [json.loads(heard.body)["acks"] for heard in splunk.heard if heard.path.endswith("/ack")]
    assert asked == [[0], [1]]


def test_a_token_without_acknowledgement_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = collector.Collector(authority.server("localhost"), tmp_path, TOKEN, acknowledges=False)

    with running(other), pytest.raises(Refused, match="acknowledgement"):
        _hec(other, authority).send(batch())


def test_a_wrong_token_is_refused_and_a_full_queue_is_not(splunk: collector.Collector, authority: Authority) -> None:
    with pytest.raises(Refused):
        _hec(splunk, authority, token="another").send(batch())
    splunk.busy = 1
    with pytest.raises(Busy):
        _hec(splunk, authority).send(batch())

    assert splunk.indexed == []


@pytest.mark.parametrize("acks", [None, {}, [True], {"0": "true"}, {"0": 1}, {"1": True}])
def test_no_other_answer_passes_for_an_acknowledgement(
    splunk: collector.Collector, authority: Authority, acks: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = splunk.answer

    def answer(heard: Heard) -> Said:
        return Said(body=json.dumps({"acks": acks}).encode()) if heard.path.endswith("/ack") else honest(heard)

    monkeypatch.setattr(splunk, "answer", answer)

    with pytest.raises(Unacknowledged):
        _hec(splunk, authority).send(batch())


@pytest.mark.parametrize("said", [b"", b"<html>", b"[]", b'"ok"', b"[" * 50_000])
def test_an_answer_that_is_not_the_collectors_acknowledges_nothing(
    splunk: collector.Collector, authority: Authority, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splunk, "answer", lambda heard: Said(body=said))

    with pytest.raises(Unacknowledged):
        _hec(splunk, authority).send(batch())


def test_an_empty_batch_needs_no_acknowledgement(splunk: collector.Collector, authority: Authority) -> None:
    _hec(splunk, authority).send(batch(bodies=[]))

    assert splunk.heard == []


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX: y", "ü"])
def test_what_is_no_token_is_refused(splunk: collector.Collector, authority: Authority, token: str) -> None:
    with pytest.raises(Misconfigured):
        _hec(splunk, authority, token=token)
