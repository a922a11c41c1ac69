"""Entries of one key's requests, made by filling in a form: what stays the same for a key is encoded once.

A form is cut out of an entry that `audit.entry` made in the ordinary way with marked values, so that the format is described
in one place only; a test holds the results against entries made without a form.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from audit.actions import Action
from audit.entry import EntryActor, inference_entry, timestamp

_ID, _REQUEST = UUID(int=0xA), UUID(int=0xB)
_AT = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER: dict[str, Any] = {"marked": 1}
_encode = msgspec.json.Encoder(order="deterministic").encode


class EntryForm:
    """Entries of one action and scope by one key in one workspace."""

    __slots__ = ("_pieces",)

    def __init__(
        self, action: Action, *, cell: str, organization: str, workspace: str, actor: EntryActor, scope: str
    ) -> None:
        entry = inference_entry(
            action=action,
            id=_ID,
            request=_REQUEST,
            at=_AT,
            cell=cell,
            organization=organization,
            workspace=workspace,
            actor=actor,
            scope=scope,
            after=_AFTER,
        )
        rest = entry.body()
        pieces = []
        # In the order in which they stand in an entry.
        for marked in (_encode(_AFTER), _ID.hex.encode(), _REQUEST.hex.encode(), timestamp(_AT).encode()):
            piece, found, rest = rest.partition(marked)
            if not found:
                raise ValueError("the order of an entry's members has changed; this module relies on it")
            pieces.append(piece)
        self._pieces = (*pieces, rest)

    def body(self, *, entry: UUID, request: UUID, at: datetime, after: msgspec.Struct) -> bytes:
        """The entry's bytes. `after` declares its members in alphabetical order."""
        first, second, third, fourth, last = self._pieces
        return b"".join(
            (
                first,
                _encode(after),
                second,
                b"%032x" % entry.int,
                third,
                b"%032x" % request.int,
                fourth,
                timestamp(at).encode(),
                last,
            )
        )


class Forms:
    """The forms of one key, made when they are first needed."""

    __slots__ = ("_completed", "_of_key", "_requested")

    def __init__(self, *, cell: str, organization: str, workspace: str, actor: EntryActor) -> None:
        """`organization` and `workspace` are tagged ids."""
        self._of_key = partial(EntryForm, cell=cell, organization=organization, workspace=workspace, actor=actor)
        self._requested: dict[str, EntryForm] = {}
        self._completed: dict[str, EntryForm] = {}

    def requested(self, scope: str) -> EntryForm:
        """Of intents under `scope`."""
        form = self._requested.get(scope)
        if form is None:
            form = self._requested[scope] = self._of_key(Action.INFERENCE_REQUESTED, scope=scope)
        return form

    def completed(self, scope: str) -> EntryForm:
        """Of outcomes under `scope`."""
        form = self._completed.get(scope)
        if form is None:
            form = self._completed[scope] = self._of_key(Action.INFERENCE_COMPLETED, scope=scope)
        return form
