"""How a request gets to a witness: a customer's over checked addresses alone, the operator's wherever they say."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from audit.destinations import DestinationError, Reach
from audit.destinations.errors import Misconfigured, Unreachable
from audit.destinations.https import Endpoint, HttpsClient, ask_over
from audit.destinations.tls import CONNECT_S, context
from audit.witness.client import PATH, NotCosigned, Post
from cell.config import config

WITHIN_S = 5.0
"""For one request, from the connection to the end of the answer."""
_HEADERS = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "Bailiwick"}
_ANYWHERE = Reach.of(["0.0.0.0/0", "::/0"])


class Unanswered(NotCosigned):
    """There was no answer; `cause` is the word for why."""

    def __init__(self, error: DestinationError) -> None:
        super().__init__(str(error))
        self.cause = type(error).__name__.lower()


def reach() -> Reach:
    return Reach.of(config().destination_networks)


def endpoint_of(url: str) -> Endpoint:
    """Of a customer's witness. Raises Misconfigured, which does not repeat the address."""
    endpoint = Endpoint.parse(url)
    if "?" in endpoint.path:
        raise Misconfigured("the address of a witness has no query")
    return endpoint


class Ways:
    """The ways to some witnesses that are asked together: what they trust is read once."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        self._within_s, self._reach = within_s, reach()
        self._trusted = {"": context(None)}

    def customers(self, url: str, ca: str) -> Post:
        """Raises Misconfigured."""
        return self._https(url, ca, self._reach)

    def operators(self, url: str) -> Post:
        """Raises Misconfigured."""
        return self._https(url, "", _ANYWHERE) if url.startswith("https:") else self._plain(url)

    def _https(self, url: str, ca: str, allowed: Reach) -> Post:
        endpoint = endpoint_of(url)
        if ca not in self._trusted:
            self._trusted[ca] = context(ca)
        client = HttpsClient(endpoint, allowed, self._trusted[ca], self._within_s)

        def post(body: bytes) -> tuple[int, bytes]:
            try:
                answer = client.post(f"{endpoint.path.rstrip('/')}{PATH}", _HEADERS, body)
            except DestinationError as error:
                raise Unanswered(error) from None
            return answer.status, answer.body

        return post

    def _plain(self, url: str) -> Post:
        """To this machine alone: the configuration has seen to that."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80

        def post(body: bytes) -> tuple[int, bytes]:
            try:
                connected = socket.create_connection((host, port), min(CONNECT_S, self._within_s))
            except OSError as error:
                raise Unanswered(Unreachable(f"the witness does not answer ({type(error).__name__})")) from None
            try:
                answer = ask_over(
                    connected,
                    "POST",
                    f"{parts.path.rstrip('/')}{PATH}",
                    {"Host": parts.netloc, **_HEADERS},
                    body,
                    self._within_s,
                )
            except DestinationError as error:
                raise Unanswered(error) from None
            return answer.status, answer.body

        return post
