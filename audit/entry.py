"""The bytes of an entry, version 1: RFC 8785 canonical JSON, made once and never touched again (docs/formats/entry.md).

The canonical form needs no sorting here: the structs declare their members in the order in which RFC 8785 sorts them, keys of
`before` and `after` are ASCII, and there are no floating-point numbers, for which alone canonical JSON is hard. A property
test holds the result against an independent implementation.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from enum import IntEnum
from uuid import UUID

import msgspec

from audit.actions import Action, Value

VERSION = 1

LARGEST = 65_535
"""Bytes of an entry: what the length before it in an entry bundle can say (C2SP tlog-tiles)."""

CELL_TREE = "cell"
"""Tree of the entries that belong to no workspace."""


class Kind(IntEnum):
    """What an entry says about its request, for look-ups; the entry's meaning is its action."""

    CHANGE = 0
    INTENT = 1
    """An inference call was admitted; the entry has the request's id."""
    OUTCOME = 2
    """How that call ended; the entry has `outcome_id` of the request."""


class EntryActor(msgspec.Struct, frozen=True, gc=False):
    """Who acted. A member is a keyed pseudonym, a key is its id, the cell itself is neither."""

    auth: str
    id: str | None
    key: str | None
    type: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One line of the log. The members are in canonical order; `body` depends on it."""

    action: str
    actor: EntryActor
    after: dict[str, Value] | None
    before: dict[str, Value] | None
    cell: str
    detail_commit: str | None
    id: str
    organization: str | None
    scope: str | None
    targets: tuple[str, ...]
    time: str
    v: int
    workspace: str | None

    def body(self) -> bytes:
        """The canonical bytes: what is stored, hashed into the tree and exported."""
        return _encode(self)


_encode = msgspec.json.Encoder(order="deterministic").encode
"""Sorts the keys of dicts; structs keep the order of their members."""
_plain = msgspec.json.Encoder().encode


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond, e.g. ``2026-11-21T10:28:57.496908Z``. A fraction of zero is left out."""
    return _plain(at)[1:-1].decode()


def now() -> datetime:
    return datetime.now(UTC)


def outcome_id(request: UUID) -> UUID:
    """Id of the entry that says how `request` ended: the request's number with UUID version 8 in place of 7.

    No UUIDv7 can be equal to it, and both the serving process and the job that closes lost requests compute the same.
    """
    return UUID(int=request.int & ~(0xF << 76) | 0x8 << 76)


def pseudonym(key: bytes, subject: bytes) -> str:
    """HMAC-SHA256 of `subject` under a workspace's own `key`, cut to 128 bits: 32 hexadecimal digits."""
    return hmac.digest(key, subject, hashlib.sha256).hex()[:32]


def inference_entry(
    *,
    action: Action,
    id: UUID,  # noqa: A002  # an entry's id is its id
    request: UUID,
    at: datetime,
    cell: str,
    organization: str,
    workspace: str,
    actor: EntryActor,
    scope: str,
    after: dict[str, Value],
) -> Entry:
    """An entry of the hot path. The public ids and `actor` are made once per key, not once per request.

    `after` is not checked against the registry here, where it would cost a tenth of a request's time: its keys are those that
    `audit.actions` lists for `action`, its strings are names and words that the gateway knows, never what a caller sent.
    """
    return Entry(
        action=action.value,
        actor=actor,
        after=after,
        before=None,
        cell=cell,
        detail_commit=None,
        id=f"ent_{cell}_{id.hex}",
        organization=organization,
        scope=scope,
        targets=(f"req_{cell}_{request.hex}",),
        time=timestamp(at),
        v=VERSION,
        workspace=workspace,
    )
