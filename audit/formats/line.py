"""One entry and where it stands: all that a line in any format is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec

from audit.entry import Entry
from audit.formats.meanings import Meaning, Outcome, Severity, meaning_of, outcome_of
from audit.merkle import leaf_hash

_decode = msgspec.json.Decoder(Entry).decode
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


class LineError(ValueError):
    """The bytes are not an entry of a version known here. Never repeats what is in them."""


@dataclass(frozen=True, slots=True)
class Log:
    """Whose entries they are."""

    region: str
    origin: str
    """Of the log's checkpoints: ``audit.<region>.bailiwick/<workspace id>``."""


@dataclass(frozen=True, slots=True)
class Line:
    entry: Entry
    body: bytes
    """The entry's canonical bytes: what is hashed and proven."""
    seq: int
    log: Log
    meaning: Meaning
    outcome: Outcome
    sha256: str
    """Of the entry's bytes, as `sha256sum` prints it for the line of the NDJSON without its newline."""
    request: str | None
    """The inference request that the entry is about."""
    member: str | None
    """Pseudonym of the member to whom it was done."""

    @classmethod
    def of(cls, body: bytes, seq: int, log: Log) -> Self:
        """Raises LineError."""
        try:
            entry = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise LineError("the bytes are not an entry of version 1") from None
        meaning = meaning_of(entry.action)
        outcome, digest = outcome_of(meaning, entry.after), hashlib.sha256(body).hexdigest()
        request = member = None
        for target in entry.targets:
            if request is None and target.startswith("req_"):
                request = target
            elif member is None and target.startswith("member:"):
                member = target.removeprefix("member:")
        return cls(entry, body, seq, log, meaning, outcome, digest, request, member)

    @property
    def severity(self) -> Severity:
        if self.outcome is Outcome.FAILURE and self.meaning.severity_failed is not None:
            return self.meaning.severity_failed
        return self.meaning.severity

    @property
    def milliseconds(self) -> int:
        """Since 1970; the microseconds of the entry's time are cut off."""
        return (datetime.fromisoformat(self.entry.time) - _EPOCH) // _MILLISECOND

    @property
    def leaf_hash(self) -> str:
        """RFC 6962 leaf hash, in hexadecimal: what inclusion proofs begin with."""
        return leaf_hash(self.body).hex()

    @property
    def actor(self) -> str | None:
        """A member's pseudonym or a key's id; None for the cell itself."""
        return self.entry.actor.id or self.entry.actor.key

    @property
    def is_inference(self) -> bool:
        return self.entry.action.startswith("inference.")

    def field(self, name: str) -> object:
        """Of `after`, or of `before` where only that has it."""
        for fields in (self.entry.after, self.entry.before):
            if fields is not None and fields.get(name) is not None:
                return fields[name]
        return None

    def number(self, name: str) -> int | None:
        """As `field`, if it is an integer."""
        value = self.field(name)
        return value if type(value) is int else None
