"""The sections of a policy: what it says about types, about rules of its own, and about where it applies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .action import Action

DENIED: Final = "DENIED"
"""The type of what a policy's `deny` finds."""


class OnError(StrEnum):
    """What happens to a text that could not be redacted."""

    BLOCK = "block"
    """It goes nowhere: the caller gets an error."""
    ALLOW = "allow"
    """It goes on as it is, which is recorded."""


class Check(StrEnum):
    """What the characters of a value have to fulfil."""

    NONE = "none"
    LUHN = "luhn"
    """Of its digits, ISO/IEC 7812-1."""
    MOD97 = "mod97"
    """Of its letters and digits, ISO 7064 MOD 97-10, check digits last or, as in an IBAN, third and fourth."""


class Form(StrEnum):
    """What placeholders look like."""

    TYPED = "typed"
    """``[[EMAIL_1]]``"""
    PLAIN = "plain"
    """``[[DATA_1]]``, which does not tell the model what it was."""


class OutputScan(StrEnum):
    """What happens to findings in what the model itself writes."""

    OFF = "off"
    FLAG = "flag"
    """They are counted."""
    MASK = "mask"
    """They become placeholders, which stay."""


class EvidenceHash(StrEnum):
    """Whether findings leave keyed hashes, by which requests about the same value can be linked."""

    NONE = "none"
    HMAC = "hmac"


@dataclass(frozen=True, slots=True)
class Entity:
    """What a policy says about one type: findings below `min_score`, or without a word that announces them where `context` is
    required, do not count."""

    action: Action
    min_score: float = 0.0
    context_required: bool = False


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A rule of the customer's. It has a `pattern` or `words`, never both; `flags` are ``i`` (any case) and ``s`` (the dot
    matches a line feed, too). With `context`, one of these words has to announce the value. Without an `action`, the label's."""

    id: str
    label: str
    pattern: str = ""
    words: tuple[str, ...] = ()
    flags: str = ""
    check: Check = Check.NONE
    context: tuple[str, ...] = ()
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class AllowList:
    """What is not personal although it looks like it. A value or a pattern stands for the whole of a finding, a domain for
    every address in it and below it."""

    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DenyList:
    """What is found wherever it stands, also inside of what is allowed. Without an `action`, the policy's default."""

    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A model that looks for names as well, by the name under which it is served; findings that it is less sure of than
    `min_score` do not count."""

    model: str
    min_score: float = 0.5


@dataclass(frozen=True, slots=True)
class Routes:
    """Which parts of a request are redacted, beside what users and assistants say, which always is."""

    system: bool = True
    """System and developer messages."""
    tools: bool = True
    """Descriptions and parameters of tools, and answer formats."""
    tool_results: bool = True

    @property
    def left_out(self) -> frozenset[str]:
        """The names of the parts that are not redacted."""
        return frozenset(name for name in ("system", "tools", "tool_results") if not getattr(self, name))
