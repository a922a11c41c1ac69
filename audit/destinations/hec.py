"""Splunk's HTTP Event Collector with indexer acknowledgement, which is on or off for each token.

A 200 alone means that the events look right, not that they are kept. So the batch is acknowledged when the indexer says so:
every batch gets an `ackId` in our channel, and ``/services/collector/ack`` is asked until it is true. One `ackId` is told true once
and then forgotten, and a channel forgets all of them when Splunk restarts; then the batch is sent again, and whoever searches
tells the double by `bailiwick_entry`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from audit.destinations.errors import Busy, Misconfigured, Refused, Unacknowledged
from audit.destinations.https import Answer, HttpsClient, check
from audit.destinations.interface import Batch, Evidence, Receipt
from audit.formats import Format

EVENT, ACK = "services/collector/event", "services/collector/ack"
ACKNOWLEDGED_WITHIN_S = 25.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 5.0
_BUSY_CODE = 9
"""Splunk's `code` for a server or a queue that is full; it may come with more than one status."""
_SOURCETYPES = {Format.OCSF: "bailiwick:ocsf", Format.ECS: "bailiwick:ecs", Format.CEF: "bailiwick:cef"}

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Collector:
    """How events are to be kept."""

    channel: UUID
    """Of this destination alone: acknowledgements are numbered in it."""
    index: str | None = None
    """None leaves it to the token."""


class HecDestination:
    """`root` is the address's path, with a slash at its end."""

    def __init__(
        self,
        client: HttpsClient,
        root: str,
        token: str,
        collector: Collector,
        *,
        within_s: float = ACKNOWLEDGED_WITHIN_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Misconfigured("the token of a collector is one word")
        self._client, self._root, self._collector = client, root, collector
        self._headers = {
            "Authorization": f"Splunk {token}",
            "Content-Type": "application/json",
            "X-Splunk-Request-Channel": str(collector.channel),
        }
        self._within_s, self._sleep, self._clock = within_s, sleep, clock

    def send(self, batch: Batch) -> Receipt:
        body = self.encode(batch)
        if body:
            self._await(self._post(body))
        return Receipt(Evidence.INDEXED, hashlib.sha256(body).hexdigest())

    def encode(self, batch: Batch) -> bytes:
        """The body that carries the batch: one event after the other, as the collector reads them."""
        common: dict[str, Any] = {
            "host": batch.region,
            "source": batch.origin,
            "sourcetype": _SOURCETYPES[batch.format],
        }
        if self._collector.index is not None:
            common["index"] = self._collector.index
        # JSON goes in as it is: an event that is an object, and not a text that holds one.
        is_text = batch.format is Format.CEF
        return b"\n".join(
            _encode(
                {
                    "time": f"{item.milliseconds // 1000}.{item.milliseconds % 1000:03d}",
                    **common,
                    "fields": {"bailiwick_entry": item.id, "bailiwick_batch": batch.key},
                    "event": item.line.decode() if is_text else msgspec.Raw(item.line),
                }
            )
            for item in batch.items
        )

    def _post(self, body: bytes) -> int:
        answer = self._client.post(f"{self._root}{EVENT}", self._headers, body)
        said = _checked(answer)
        number = said.get("ackId")
        if type(number) is not int:
            raise Refused("the token has no indexer acknowledgement: switch it on (useACK), or use another destination")
        return number

    def _await(self, number: int) -> None:
        """Raises Unacknowledged if the indexer has not said yes in time."""
        deadline, wait = self._clock() + self._within_s, _FIRST_WAIT_S
        question = _encode({"acks": [number]})
        while True:
            answer = _checked(self._client.post(f"{self._root}{ACK}", self._headers, question)).get("acks")
            if isinstance(answer, dict) and answer.get(str(number)) is True:
                return
            if self._clock() + wait > deadline:
                raise Unacknowledged("the collector has the batch, and its indexer has not said so in time")
            self._sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)


def _checked(answer: Answer) -> dict[str, Any]:
    """What the collector says; only its number is repeated. Raises Busy, Refused, Gone or Unacknowledged."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    code = said.get("code") if isinstance(said, dict) else None
    if code == _BUSY_CODE:
        raise Busy("the collector is busy", after_s=answer.retry_after_s)
    if type(code) is int and code != 0 and answer.status < 500:
        raise Refused(f"the collector refuses it (status {answer.status}, code {code})")
    check(answer)
    if not isinstance(said, dict):
        raise Unacknowledged("the collector answers something that is not its protocol")
    return said
