"""Is this request for this cell? Answered from the request line and the headers, before the body is read.

Ids and keys carry the code of their cell. A request with another cell's is told where to go, with 421 and never with a
redirect: a redirected client would send the whole prompt to wherever it was pointed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cell.ids import CELL_CODE, Tag, tagged, uuid7
from cell.regions import Directory, Region
from cell.telemetry import counters

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = re.compile(rb"Bearer +sk-(" + CELL_CODE.encode() + rb")-", re.IGNORECASE)
_ID = re.compile(rb"(?<![a-z0-9])[a-z]{2,4}_(" + CELL_CODE.encode() + rb")_[0-9a-f]{32}(?![0-9a-z])")


class CellGuard:
    """ASGI: hands a request to `app`, or answers 421 if it names another cell of the directory.

    A code that the directory does not know is no cell's, so such a key or id goes on and is refused as unknown.
    """

    def __init__(self, app: Application, cell: str, directory: Directory) -> None:
        self._app = app
        self._cell = cell
        self._others = {region.code.encode(): region for region in directory.regions if region.code != cell}
        self._refused = counters(
            "bailiwick_requests_for_other_cells_total",
            "Requests refused because their key or an id in their path is of another cell.",
            "region",
            sorted(region.id for region in self._others.values()),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        region = self._foreign(scope)
        if region is None:
            await self._app(scope, receive, send)
            return
        self._refused[region.id].inc()
        await self._refuse(scope, region, send)

    def _foreign(self, scope: Scope) -> Region | None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                match = _KEY.match(value)
                if match is not None and match[1] in self._others:
                    return self._others[match[1]]
        for text in (scope["raw_path"], scope["query_string"]):
            if b"_" in text:
                for code in _ID.findall(text):
                    if code in self._others:
                        return self._others[code]
        return None

    async def _refuse(self, scope: Scope, region: Region, send: Send) -> None:
        detail = f"This belongs to region {region.id}. Send it to {region.base_url}; it was not read here."
        where = {"region": region.id, "url": region.base_url}
        if scope["path"].startswith("/v1/"):
            kind = b"application/json"
            error = {"message": detail, "type": "invalid_request_error", "param": None, "code": "wrong_region"}
            body: dict[str, Any] = {"error": error | where}
        else:
            kind = b"application/problem+json"
            body = {
                "type": "urn:bailiwick:problem:wrong-region",
                "title": "wrong-region",
                "status": 421,
                "detail": detail,
            }
            body |= where
        request_id = tagged(Tag.REQUEST, self._cell, uuid7()).encode()
        await answer(
            send, 421, kind, json.dumps(body).encode(), (b"connection", b"close"), (b"x-request-id", request_id)
        )


async def answer(send: Send, status: int, kind: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """One whole answer with its length."""
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), length, *headers]}
    )
    await send({"type": "http.response.body", "body": body})
