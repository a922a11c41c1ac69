"""What stands in for Splunk: a small server of our own that speaks the HTTP Event Collector's protocol as its manual describes it,
indexer acknowledgement included. It is not Splunk.

It is strict where Splunk is: the token, the channel, the form of the events. An event is indexed when the test says so, an `ackId`
is told true once, and a restart forgets all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.peers.certificates import Signed
from tests.peers.receiver import Heard, Receiver, Said

_EVENT_MEMBERS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}


class Collector(Receiver):
    def __init__(self, signed: Signed, folder: Path, token: str, *, acknowledges: bool = True) -> None:
        super().__init__(signed, folder)
        self.token, self.acknowledges = token, acknowledges
        self.indexes_after = 0
        """How often an acknowledgement is asked for before it is true; None of them ever if it is negative."""
        self.busy = 0
        """How many of the next requests find the queue full."""
        self.indexed: list[dict[str, Any]] = []
        self._waiting: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._asked: dict[tuple[str, int], int] = {}
        self._next: dict[str, int] = {}

    def restart(self) -> None:
        """What was not indexed yet is lost, and every channel forgotten."""
        self._waiting, self._asked, self._next = {}, {}, {}

    def answer(self, heard: Heard) -> Said:
        if self.busy:
            self.busy -= 1
            return _said(503, 9, "Server is busy")
        scheme, _, token = heard.headers.get("authorization", "").partition(" ")
        if not token:
            return _said(401, 2, "Token is required")
        if scheme != "Splunk":
            return _said(401, 3, "Invalid authorization")
        if token != self.token:
            return _said(403, 4, "Invalid token")
        channel = heard.headers.get("x-splunk-request-channel")
        if channel is None:
            return _said(400, 10, "Data channel is missing")
        try:
            UUID(channel)
        except ValueError:
            return _said(400, 11, "Invalid data channel")
        if heard.path == "/services/collector/event":
            return self._event(channel, heard.body)
        if heard.path == "/services/collector/ack":
            return self._ack(channel, heard.body)
        return Said(404, body=b"not found")

    def _event(self, channel: str, body: bytes) -> Said:
        events, text, decoder = [], body.decode(), json.JSONDecoder()
        while text := text.lstrip():
            try:
                event, end = decoder.raw_decode(text)
            except ValueError:
                return _said(400, 6, "Invalid data format", {"invalid-event-number": len(events)})
            if not isinstance(event, dict) or event.keys() - _EVENT_MEMBERS:
                return _said(400, 6, "Invalid data format", {"invalid-event-number": len(events)})
            if "event" not in event:
                return _said(400, 12, "Event field is required")
            if event["event"] in ("", {}, None):
                return _said(400, 13, "Event field cannot be blank")
            events.append(event)
            text = text[end:]
        if not events:
            return _said(400, 5, "No data")
        if not self.acknowledges:
            self.indexed += events
            return _said(200, 0, "Success")
        number = self._next.get(channel, 0)
        self._next[channel] = number + 1
        self._waiting[channel, number] = events
        return _said(200, 0, "Success", {"ackId": number})

    def _ack(self, channel: str, body: bytes) -> Said:
        if not self.acknowledges:
            return _said(400, 14, "ACK is disabled")
        answers = {}
        for number in json.loads(body)["acks"]:
            place = (channel, number)
            self._asked[place] = self._asked.get(place, 0) + 1
            is_indexed = place in self._waiting and 0 <= self.indexes_after < self._asked[place]
            if is_indexed:
                self.indexed += self._waiting.pop(place)
            answers[str(number)] = is_indexed
        return Said(body=json.dumps({"acks": answers}).encode())


def _said(status: int, code: int, text: str, more: dict[str, Any] | None = None) -> Said:
    return Said(status, body=json.dumps({"text": text, "code": code, **(more or {})}).encode())
