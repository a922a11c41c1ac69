"""A caller of a cell's public API, with nothing but the standard library: what anybody could write."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120.0


class Refused(Exception):
    """The cell refused what should have worked. The message holds its own words."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else None

    @property
    def said(self) -> str:
        """The cell's message in an error, whichever of the two forms it has."""
        try:
            body = self.body
        except ValueError:
            return self.content[:200].decode(errors="replace")
        if isinstance(body, dict):
            error = body.get("error")
            text = error.get("message") if isinstance(error, dict) else body.get("detail")
            return f"{text} {body['errors']}" if "errors" in body else str(text)
        return str(body)


class Client:
    """Calls with one key. Each call is a connection of its own."""

    def __init__(self, base_url: str, key: str) -> None:
        self._address = urlsplit(base_url)
        self._key = key

    def try_(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The answer, whatever it is. Header names are given with underscores."""
        connection, response = self._send(method, path, body, headers)
        try:
            return Answer(response.status, _lower(response), response.read())
        finally:
            connection.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """As `try_`, but raises Refused unless the answer is a success."""
        answer = self.try_(method, path, body, **headers)
        if not 200 <= answer.status < 300:
            raise Refused(f"{method} {path} was answered {answer.status}: {answer.said}")
        return answer

    def stream(self, path: str, body: Any) -> Iterator[Any]:
        """The server-sent events of an answer, decoded, without the closing [DONE]. Raises Refused."""
        connection, response = self._send("POST", path, body, {})
        try:
            if response.status != 200:
                answer = Answer(response.status, _lower(response), response.read())
                raise Refused(f"POST {path} was answered {answer.status}: {answer.said}")
            for line in response:
                data = line.removeprefix(b"data: ").strip()
                if data == b"[DONE]":
                    return
                if data:
                    yield json.loads(data)
            raise Refused(f"POST {path}: the stream ended without [DONE]")
        finally:
            connection.close()

    def _send(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._address.netloc, timeout=TIMEOUT_S)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, content, sent)
            return connection, connection.getresponse()
        except OSError as error:
            connection.close()
            raise Refused(f"{method} {path}: no connection ({error.strerror or error}). Is the cell up?") from error


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
