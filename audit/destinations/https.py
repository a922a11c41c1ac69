"""Asking at an HTTPS address: no proxy, no redirect, an address that was checked, and an end in sight."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Self

from audit.destinations.addresses import Reach
from audit.destinations.errors import Busy, Gone, Misconfigured, Refused, Unacknowledged
from audit.destinations.tls import CONNECT_S, connect

WITHIN_S = 15.0
"""For one request, from the connection to the end of the answer."""
LONGEST_ANSWER = 1 << 16
LONGEST_WAIT_S = 86_400
_PIECE = 1 << 16

_URL = re.compile(
    r"https://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!\"$-~]*)?"
)
"""Read by this alone, so that no two readers of an address disagree on where it leads. The path is printable ASCII but `#`."""
_LATER = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int
    path: str
    """With its query; begins with a slash."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises Misconfigured, which does not repeat the address: there may be a password in it."""
        found = _URL.fullmatch(url)
        port = int(found["port"] or 443) if found else 0
        if found is None or not 0 < port < 65536:
            raise Misconfigured(
                "the address has to be https://host or https://host:port, with or without a path, in ASCII, without a user"
            )
        return cls(found["host"].strip("[]"), port, found["path"] or "/")

    @property
    def authority(self) -> str:
        """As the header `Host` says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    """At most `LONGEST_ANSWER` bytes of it."""
    retry_after_s: float | None


class HttpsClient:
    """One connection for each request: there are a few a minute."""

    def __init__(self, endpoint: Endpoint, reach: Reach, trusted: ssl.SSLContext, within_s: float = WITHIN_S) -> None:
        self._endpoint, self._reach, self._trusted, self._within_s = endpoint, reach, trusted, within_s

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """As `ask`."""
        return self.ask("POST", path, headers, body)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | IO[bytes] | None = None,
        *,
        into: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """`body` may be a file, whose length `headers` say then. What comes with a status of 200 goes `into`, if that is given,
        all of it and piece by piece.

        Raises Unreachable, Untrusted or Forbidden before anything is sent, and Unacknowledged afterwards.
        """
        host, port = self._endpoint.host, self._endpoint.port
        connected = connect(host, port, self._reach, self._trusted, min(CONNECT_S, self._within_s))
        headers = {"Host": self._endpoint.authority, **headers}
        return ask_over(connected, method, path, headers, body, self._within_s, into=into)


def ask_over(
    connected: socket.socket,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | IO[bytes] | None,
    within_s: float,
    *,
    into: Callable[[bytes], object] | None = None,
) -> Answer:
    """One request over a connection, which is closed then; its `Host` is among `headers`. Raises Unacknowledged."""
    connection = http.client.HTTPConnection(headers["Host"], blocksize=_PIECE)
    # Given, so that it connects nowhere by itself.
    connection.sock = connected
    try:
        with _ended_after(connected, within_s):
            whole = _sent(connection, method, path, body, headers)
            response = connection.getresponse()
            if not whole and response.status < 300:
                raise ValueError("it did not read what it says that it has")
            if into is not None and response.status == 200:
                while piece := response.read(_PIECE):
                    into(piece)
            # Leaving raises if it was cut short: half an answer may look like a whole one.
            return Answer(response.status, response.read(LONGEST_ANSWER), _retry_after(response))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unacknowledged(f"the destination does not answer as HTTP does ({type(error).__name__})") from None
    finally:
        connection.close()


def _sent(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | IO[bytes] | None,
    headers: Mapping[str, str],
) -> bool:
    """Whether all of it was: whoever refuses a long body may say so and close before it is through."""
    try:
        connection.request(method, path, body, dict(headers))
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def check(answer: Answer) -> None:
    """Raises Busy, Gone or Refused unless the answer is a success."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status == 410:
        raise Gone("the destination wants nothing any more (status 410)")
    if status in _LATER or status >= 500:
        raise Busy(f"the destination cannot now (status {status})", after_s=answer.retry_after_s)
    if 300 <= status < 400:
        raise Refused(
            f"the destination sends elsewhere (status {status}), which is not followed: name its real address"
        )
    raise Refused(f"the destination refuses it (status {status})")


@contextmanager
def _ended_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """Cuts the connection then, and raises TimeoutError: a time-out of a socket begins anew with every byte."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        # Below TLS: the thread that waits in it may not be disturbed otherwise. It may have closed it meanwhile.
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    connection.settimeout(seconds)
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    value = response.getheader("retry-after", "")
    return float(min(int(value), LONGEST_WAIT_S)) if value.isascii() and value.isdecimal() and len(value) < 10 else None
