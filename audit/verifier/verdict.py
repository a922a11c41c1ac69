"""What a verification ends in."""

from __future__ import annotations

from dataclasses import dataclass


class Refusal(Exception):
    """Not intact. `code` is the exit status; the message says what is wrong and never repeats what is in the files."""

    code = 1
    word = "tampered"


class Tampered(Refusal):
    """Something was changed: the bytes, their order, or which log they come from."""


class Incomplete(Refusal):
    """Something that belongs to it is not there."""

    code, word = 2, "incomplete"


class Untrusted(Refusal):
    """It is signed by somebody whose key was not given."""

    code, word = 3, "unknown signer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Intact."""

    what: str
    """What was checked, in one line."""
    signers: tuple[str, ...]
    """The verifier keys it was held against."""
    pinned: bool
    """Whether those were given by whoever asked, and not found beside what they sign."""
    facts: tuple[str, ...] = ()
    """What the reader should know besides."""
