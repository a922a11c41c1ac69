"""Signed notes, with the verifier's own words for what can be wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from audit.checkpoint import Checkpoint, MalformedCheckpoint
from audit.verifier.verdict import Tampered, Untrusted
from cell import notes


def keys(vkeys: Sequence[str]) -> list[notes.VerifierKey]:
    """Raises Tampered for a text that is no verifier key, or is another spelling of one."""
    try:
        parsed = [notes.VerifierKey.parse(vkey) for vkey in vkeys]
    except notes.MalformedNote as error:
        raise Tampered(str(error)) from None
    if [str(key) for key in parsed] != list(vkeys):
        raise Tampered("a verifier key has something around it")
    return parsed


def open_note(what: str, note: str, trusted: Sequence[notes.VerifierKey], *, origin_line: int) -> str:
    """The text of a note that one of `trusted` signed, whose line number `origin_line` is the origin of a log.

    A key speaks for the logs of its own cell, whose origins begin with its name, and for no others. Raises Tampered or Untrusted.
    """
    try:
        text, signers = notes.opened(note, trusted)
    except notes.UnknownSigner:
        raise Untrusted(f"{what} is signed by none of the keys it was held against") from None
    except notes.NoteError as error:
        raise Tampered(f"{what}: {error}") from None
    origin = dict(enumerate(text.split("\n"))).get(origin_line, "")
    if origin.rpartition("/")[0] not in [key.name for key in signers]:
        raise Tampered(f"{what} is signed by a key of another cell than the one it names")
    return text


def open_checkpoint(what: str, note: str, trusted: Sequence[notes.VerifierKey]) -> Checkpoint:
    """Raises Tampered or Untrusted."""
    try:
        return Checkpoint.parse(open_note(what, note, trusted, origin_line=0))
    except MalformedCheckpoint as error:
        raise Tampered(f"{what}: {error}") from None
