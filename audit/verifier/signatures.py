"""Signed notes, with the verifier's own words for what can be wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from audit.checkpoint import Checkpoint, MalformedCheckpoint
from audit.verifier.verdict import Tampered, Untrusted
from cell import notes


def keys(vkeys: Sequence[str]) -> list[notes.VerifierKey]:
    """Raises Tampered for a text that is no verifier key."""
    try:
        return [notes.VerifierKey.parse(vkey) for vkey in vkeys]
    except notes.MalformedNote as error:
        raise Tampered(str(error)) from None


def open_note(what: str, note: str, trusted: Sequence[notes.VerifierKey]) -> str:
    """The text of a note that one of `trusted` signed. Raises Tampered or Untrusted."""
    try:
        return notes.verify(note, trusted)
    except notes.UnknownSigner:
        raise Untrusted(f"{what} is signed by none of the keys it was held against") from None
    except notes.NoteError as error:
        raise Tampered(f"{what}: {error}") from None


def open_checkpoint(what: str, note: str, trusted: Sequence[notes.VerifierKey]) -> Checkpoint:
    """Raises Tampered or Untrusted."""
    try:
        return Checkpoint.parse(open_note(what, note, trusted))
    except MalformedCheckpoint as error:
        raise Tampered(f"{what}: {error}") from None
