"""The sealed envelope: what every payload at rest looks like. docs/formats/sealed-payload.md describes it.

``0x01 | key id (16 bytes) | nonce (12 bytes) | AES-256-GCM ciphertext and tag``. The workspace, the request, the column and
the schema version are authenticated with the header, so an envelope moved to another row does not open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
_VERSION = bytes([VERSION])
_KEY_ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 12, 16
_HEADER_BYTES = 1 + _KEY_ID_BYTES
OVERHEAD_BYTES = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES


class EnvelopeError(ValueError):
    """The envelope does not open: altered, truncated, of another row, or not under this key. Never repeats its content."""


@dataclass(frozen=True, slots=True)
class Context:
    """The one place where an envelope opens."""

    workspace: UUID
    request: UUID
    column: str
    schema: int = 1
    """Version of the column's plaintext format."""

    def encode(self) -> bytes:
        """Fixed-width fields first: no two contexts have the same bytes."""
        return self.workspace.bytes + self.request.bytes + self.schema.to_bytes(2, "big") + self.column.encode()


def seal(key: AESGCM, key_id: UUID, plaintext: bytes, context: Context) -> bytes:
    """The envelope of `plaintext` under the 256-bit `key`, whose id in the key store is `key_id`."""
    header = _VERSION + key_id.bytes
    nonce = os.urandom(_NONCE_BYTES)
    return header + nonce + key.encrypt(nonce, plaintext, header + context.encode())


def unseal(key: AESGCM, envelope: bytes, context: Context) -> bytes:
    """The plaintext again. Raises EnvelopeError."""
    key_id(envelope)
    header, rest = envelope[:_HEADER_BYTES], envelope[_HEADER_BYTES:]
    try:
        return key.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + context.encode())
    except InvalidTag as error:
        raise EnvelopeError("the envelope was altered, or was sealed for another place or under another key") from error


def key_id(envelope: bytes) -> UUID:
    """The id of the key it is sealed under, unauthenticated. Raises EnvelopeError."""
    if len(envelope) < OVERHEAD_BYTES or envelope[0] != VERSION:
        raise EnvelopeError(f"not a sealed envelope of version {VERSION}")
    return UUID(bytes=bytes(envelope[1:_HEADER_BYTES]))
