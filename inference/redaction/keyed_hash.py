"""Keyed hashes of values: the same value has the same hash in every request under one key, and tells nothing without it."""

from __future__ import annotations

import hmac
from base64 import b32encode
from typing import Final

from .shadow import cast

KEY_BYTES: Final = 32
HASH_LENGTH: Final = 12
"""Characters: 60 bits. Among a million values, two meet with a chance of one in two million."""
_DROPPED: Final = {ord(separator): None for separator in " \t\r\n.-/()"}


def keyed_hash(key: bytes, kind: str, value: str) -> str:
    """HMAC-SHA256 of a `value` of type `kind`, cut and in base 32. Case, separators and typography of the value do not count."""
    plain = cast(value).text.translate(_DROPPED).lower()
    digest = hmac.digest(key, f"{kind}\0{plain}".encode(), "sha256")
    return b32encode(digest)[:HASH_LENGTH].decode()
