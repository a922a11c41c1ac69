"""JSON that is not canonical, or no JSON at all, though some reader might take it for the same."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import rfc8785


def respelled(chance: random.Random, body: bytes) -> bytes:
    """Another spelling of a JSON object, or something that some reader might take for one. Never canonical."""
    while True:
        place = chance.randrange(len(body))
        changed = chance.choice(_SPELLINGS)(body, place)
        if not _is_canonical(changed) and b"\n" not in changed:
            return changed


def _is_canonical(data: bytes) -> bool:
    """By a library that is not ours."""
    try:
        return rfc8785.dumps(json.loads(data)) == data
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        return False


def _after(mark: bytes, put: bytes) -> Callable[[bytes, int], bytes]:
    """Puts `put` after the first `mark` behind the place, or behind the beginning."""

    def change(body: bytes, place: int) -> bytes:
        at = body.find(mark, place)
        at = body.find(mark) if at < 0 else at
        return body if at < 0 else body[: at + len(mark)] + put + body[at + len(mark) :]

    return change


def _instead(old: bytes, new: bytes) -> Callable[[bytes, int], bytes]:
    def change(body: bytes, place: int) -> bytes:
        return body[:place] + body[place:].replace(old, new, 1) if old in body[place:] else body.replace(old, new, 1)

    return change


def _doubled(value: bytes | None) -> Callable[[bytes, int], bytes]:
    """The first member once more at the end, with its value or another."""

    def change(body: bytes, _: int) -> bytes:
        name, held = next(iter(json.loads(body).items()))
        again = json.dumps(held, separators=(",", ":")).encode() if value is None else value
        return body[:-1] + b',"%s":%s}' % (name.encode(), again)

    return change


_SPELLINGS: tuple[Callable[[bytes, int], bytes], ...] = (
    *(_after(mark, b" ") for mark in (b":", b",", b"{")),
    *(_after(b":", put) for put in (b"\t", b"\r", b"\0", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"/**/")),
    *(
        _after(b'"', put)
        for put in (b"\\u0061", b"\\/", b"\x01", b"\x7f\\u007F", b"\\ud800", b"\\uD83D\\uDE00", b"\xff")
    ),
    *(_after(b'"', put) for put in (b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\\x41", b"\\u00e9", b"\xc3")),
    *(
        _instead(b":1", put)
        for put in (b":1.0", b":1e0", b":01", b":+1", b":0x1", b":true", b":-0", b":9007199254740993")
    ),
    *(
        _instead(b":1", b":" + put)
        for put in (b"1" * 400, b"1" * 5000, b"1e400", b"NaN", b"Infinity", b"-1e-400", b'"1"')
    ),
    *(_instead(b"null", put) for put in (b"nul", b"None", b"Null", b"undefined", b"[" * 100 + b"]" * 100)),
    *(
        _instead(b"null", put)
        for put in (b"[" * 70 + b"]" * 70, b"[" * 5000 + b"]" * 5000, b'{"a":' * 900 + b"1" + b"}" * 900)
    ),
    _instead(b'"', b"'"),
    _instead(b"}", b",}"),
    _instead(b"]", b",]"),
    _doubled(None),
    _doubled(b"null"),
    _doubled(b"2"),
    lambda body, _: b"\xef\xbb\xbf" + body,
    lambda body, _: b" " + body,
    lambda body, _: body + b" ",
    lambda body, _: body + body,
    lambda body, _: b"[" + body + b"]",
    lambda body, _: body.decode().encode("utf-16"),
    lambda body, _: body.decode().encode("utf-32-be"),
    lambda body, _: json.dumps(json.loads(body)).encode(),
    lambda body, _: json.dumps(dict(reversed(json.loads(body).items())), separators=(",", ":")).encode(),
    lambda body, _: b'{"__proto__":{},' + body[1:],
    lambda body, _: body[:-1] + b',"\xc3\xa9":1}',
)
