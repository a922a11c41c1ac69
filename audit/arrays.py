"""Columns of values as PostgreSQL's binary arrays: what hundreds of rows in one statement cost least as.

psycopg adapts the values of a list one by one, at three to four microseconds each; here a column is one join. The array says
nothing of its type: the statement casts it (``$1::uuid[]``), and PostgreSQL then reads it as that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

_length = struct.Struct(">i").pack
_header = struct.Struct(">iiiii").pack
_NULL = _length(-1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def column(type_: str, values: Sequence[Any]) -> bytes:
    """`values` (None is null) as an array of PostgreSQL's `type_`. Raises KeyError for a type that is not known here.

    UUIDs, str, bytes, bool, int, aware datetimes; for jsonb the JSON text. Raises OverflowError for an int that does not fit.
    """
    encode = _ENCODERS[type_]
    oid = psycopg.adapters.types[type_].oid
    return _header(1, 1, oid, len(values), 1) + b"".join(encode(values))


def _uuids(values: Sequence[Any]) -> list[bytes]:
    return [_NULL if value is None else b"\0\0\0\x10" + value.int.to_bytes(16) for value in values]


def _texts(values: Sequence[Any]) -> list[bytes]:
    return [_NULL if value is None else _length(len(text := value.encode())) + text for value in values]


def _json_texts(values: Sequence[Any]) -> list[bytes]:
    """A version byte, then the text."""
    return [_NULL if value is None else _length(len(text := value.encode()) + 1) + b"\x01" + text for value in values]


def _byte_strings(values: Sequence[Any]) -> list[bytes]:
    return [_NULL if value is None else _length(len(value)) + value for value in values]


def _booleans(values: Sequence[Any]) -> list[bytes]:
    return [_NULL if value is None else b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\x00" for value in values]


def _integers(size: int) -> Callable[[Sequence[Any]], list[bytes]]:
    length = _length(size)

    def encode(values: Sequence[Any]) -> list[bytes]:
        return [_NULL if value is None else length + value.to_bytes(size, signed=True) for value in values]

    return encode


def _times(values: Sequence[Any]) -> list[bytes]:
    """Microseconds since 2000-01-01."""
    return [
        _NULL if value is None else b"\0\0\0\x08" + ((value - _EPOCH) // _MICROSECOND).to_bytes(8, signed=True)
        for value in values
    ]


_ENCODERS: Mapping[str, Callable[[Sequence[Any]], list[bytes]]] = {
    "uuid": _uuids,
    "text": _texts,
    "jsonb": _json_texts,
    "bytea": _byte_strings,
    "boolean": _booleans,
    "smallint": _integers(2),
    "integer": _integers(4),
    "bigint": _integers(8),
    "timestamptz": _times,
}
