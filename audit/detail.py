"""Personal detail of an entry: sealed beside it under a key of its own, and committed to by it.

The commitment is HMAC-SHA256 (RFC 2104) over the detail's canonical JSON (RFC 8785), keyed with 32 random bytes that are sealed
with the detail. While both are there, anyone who is shown them can check that they are what the entry meant; once they are
destroyed, the commitment is a random-looking number that no guess of the detail can be held against.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit import canonical
from audit.actions import FieldError
from cell.keys import envelope
from cell.keys.envelope import Context
from cell.keystore import custody, maker

FIELDS = frozenset({"address", "email", "name", "user_agent"})
"""What a detail may hold: a network address, an address of mail, a person's name, what their program calls itself."""
LONGEST = 512
"""Characters of a value; what is longer is cut."""
SALT_BYTES = 32
_COLUMN = "audit-detail"


class DetailDamaged(Exception):
    """What is stored is not what the entry commits to: somebody changed the database."""


@dataclass(frozen=True, slots=True)
class OpenedDetail:
    salt: bytes
    """32 bytes."""
    document: dict[str, str]

    @property
    def commitment(self) -> str:
        return commitment(self.salt, self.document)


@dataclass(frozen=True, slots=True)
class SealedDetail:
    commitment: str
    sealed: bytes


def commitment(salt: bytes, document: Mapping[str, str]) -> str:
    """What the entry shows of `document`: 64 hexadecimal digits."""
    return hmac.digest(salt, canonical.dumps(document), hashlib.sha256).hex()


def seal(owner: UUID, entry: UUID, document: Mapping[str, str], *, organization: UUID) -> SealedDetail:
    """`document` sealed under a new data key of `owner` (a workspace, or `organization` itself) that has the entry's id.

    Raises FieldError for a field that is not in FIELDS, or KeyStoreUnavailable, also as KeyRevoked.
    """
    cleaned = {name: _cleaned(name, value) for name, value in document.items()}
    salt = os.urandom(SALT_BYTES)
    key = AESGCM(maker.data_key(owner, entry, organization=organization))
    sealed = envelope.seal(key, entry, salt + canonical.dumps(cleaned), Context(owner, entry, _COLUMN))
    return SealedDetail(commitment(salt, cleaned), sealed)


def unseal(owner: UUID, entry: UUID, sealed: bytes, committed: str) -> OpenedDetail:
    """The detail again. Raises KeyDestroyed, or DetailDamaged if it is not the one that was committed to."""
    key = AESGCM(custody.open_data_key(owner, entry))
    try:
        plain = envelope.unseal(key, sealed, Context(owner, entry, _COLUMN))
        opened = OpenedDetail(plain[:SALT_BYTES], canonical.loads(plain[SALT_BYTES:]))
    except (envelope.EnvelopeError, canonical.NotCanonical) as error:
        raise DetailDamaged("the sealed detail does not open") from error
    if not hmac.compare_digest(opened.commitment, committed):
        raise DetailDamaged("the detail is another one than the entry commits to")
    return opened


def committed(body: bytes) -> str | None:
    """The commitment in an entry's canonical bytes; None if it has no detail."""
    value = msgspec.json.decode(body).get("detail_commit")
    return value if isinstance(value, str) else None


def _cleaned(name: str, value: object) -> str:
    if name not in FIELDS:
        raise FieldError(f"a detail has no field {name!r}: add it to audit.detail if somebody needs to know it")
    if not isinstance(value, str):
        raise FieldError(f"the detail's field {name!r} is a string")
    return value[:LONGEST].encode(errors="replace").decode()
