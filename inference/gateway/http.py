"""The little HTTP the inference API needs, on bare ASGI: headers, a bounded body, a JSON answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from random import random
from typing import Any

from inference.gateway.errors import ApiError, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")
EVENT_STREAM: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # Proxies such as nginx would otherwise hold events back.
    (b"x-accel-buffering", b"no"),
)


MOST_DRAINED, DRAINED_S = 32 << 20, 1.0
"""Bytes and seconds that a refused body is read on for."""


class Disconnected(Exception):
    """The client went away."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit_bytes: int) -> bytes:
    """The whole body, never more than `limit_bytes` of it in memory. Raises ApiError 413 or Disconnected."""
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit_bytes:
        await _drain(receive)
        raise too_large(limit_bytes)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if len(body) > limit_bytes:
        raise too_large(limit_bytes)
    if not message.get("more_body", False):
        return body
    parts = [body]
    size = len(body)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            await _drain(receive)
            raise too_large(limit_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _drain(receive: Receive) -> None:
    """Throws away what is still coming, for a while: a connection that is closed over bytes that nobody read is reset, and the
    answer may be lost on the way to a client that was still sending."""
    left = MOST_DRAINED
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAINED_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


async def send_json(send: Send, status: int, body: bytes, headers: list[Header]) -> None:
    """One whole answer; appends to `headers`."""
    headers.append(JSON_TYPE)
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: ApiError, headers: list[Header]) -> None:
    headers.extend(error.headers)
    if error.retry_after_s is not None:
        # Not the same for all: callers refused together would come back together.
        wait = error.retry_after_s + random() * max(1.0, error.retry_after_s / 4)
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(wait))))
    await send_json(send, error.status, error.body(), headers)
