"""The list of sub-processors as its operator keeps it, a JSON document. docs/formats/subprocessors.md describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cell.countries import legal_area

FORMAT = "bailiwick-subprocessors/1"
MOST_BYTES = 1_000_000

_Line = Annotated[str, Meta(min_length=1, max_length=300)]


class ListError(ValueError):
    """The document is not a list of sub-processors; the message says where and why."""


class Subprocessor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Somebody whom the operator engages, and who can meet personal data (GDPR 28(2))."""

    name: _Line
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    """Where the data is met: ISO 3166-1 alpha-2."""
    purpose: _Line
    data: Annotated[tuple[_Line, ...], Meta(min_length=1, max_length=20)]
    """What they can meet, in words."""
    address: _Line | None = None
    safeguard: _Line | None = None
    """What makes a transfer lawful (GDPR 44 to 49); stated exactly where the country is in another legal area."""


class SubprocessorList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody there is from the day on which the list is in force."""

    format: Literal["bailiwick-subprocessors/1"]
    objection_days: Annotated[int, Meta(ge=1, le=365)]
    """How long organizations may object to it before it is."""
    subprocessors: Annotated[tuple[Subprocessor, ...], Meta(max_length=200)]


@dataclass(frozen=True, slots=True)
class Changes:
    """How many names of a list are new, gone, or said otherwise than in the one before."""

    added: int
    removed: int
    changed: int


def read_list(content: bytes, area: str) -> SubprocessorList:
    """The list in `content`, for a cell in the legal area `area`. Raises ListError."""
    if len(content) > MOST_BYTES:
        raise ListError(f"it has more than {MOST_BYTES} bytes")
    try:
        found = msgspec.json.decode(content, type=SubprocessorList)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ListError(str(error)) from None
    names = [one.name for one in found.subprocessors]
    if len(set(names)) < len(names):
        raise ListError("two sub-processors have the same name")
    for number, one in enumerate(found.subprocessors):
        place = f"$.subprocessors[{number}]"
        abroad = legal_area(one.country) != area
        if abroad and one.safeguard is None:
            raise ListError(f"{one.country} is not in the legal area {area}: state the `safeguard` - at `{place}`")
        if not abroad and one.safeguard is not None:
            raise ListError(f"{one.country} is in the legal area {area}: there is nothing to safeguard - at `{place}`")
    return found


def changes(before: SubprocessorList | None, after: SubprocessorList) -> Changes:
    old = {one.name: one for one in before.subprocessors} if before else {}
    new = {one.name: one for one in after.subprocessors}
    return Changes(
        added=len(new.keys() - old.keys()),
        removed=len(old.keys() - new.keys()),
        changed=sum(old[name] != new[name] for name in old.keys() & new.keys()),
    )
