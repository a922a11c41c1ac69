"""The text of an API key: ``sk-<cell>-<key id>-<secret><checksum>``.

Key id (12), secret (32) and checksum (6) are base62. The checksum is the CRC32 of all before it: a secret scanner knows a
token from chance with it, and a mistyped one is refused without asking the database. The secret has 190 bits, so a keyed
hash is enough at rest; a slow one would only slow every call down. No Django here: the inference path reads tokens too.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

from cell.ids import CELL_CODE

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 12, 32, 6
PEPPER_PURPOSE = "workspaces.key-pepper"
"""What `cell.keys` derives the pepper for."""

_TOKEN = re.compile(
    rf"sk-({CELL_CODE})-([0-9A-Za-z]{{{KEY_ID_LENGTH}}})-([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})",
    re.ASCII,
)


class MalformedToken(ValueError):
    """Not a key of Bailiwick, or one with a typing error. The message never repeats the text: it may be another's secret."""


@dataclass(frozen=True, slots=True)
class Token:
    """The parts of a key. `secret` is never stored, logged or shown again."""

    cell: str
    key_id: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        body = f"sk-{self.cell}-{self.key_id}-{self.secret}"
        return body + _checksum(body)

    @property
    def prefix(self) -> str:
        """What may be shown for ever: it names the key and opens nothing."""
        return f"sk-{self.cell}-{self.key_id}"


def issue(cell: str) -> Token:
    """A new random token of `cell`."""
    return Token(cell, _random(KEY_ID_LENGTH), _random(SECRET_LENGTH))


def parse(text: str) -> Token:
    """The parts of `text`, which may be a token of another cell. Raises MalformedToken."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise MalformedToken("a key looks like sk-<cell>-<12 characters>-<38 characters>")
    if not hmac.compare_digest(_checksum(text[:-CHECKSUM_LENGTH]), match[4]):
        raise MalformedToken("the key's checksum does not fit: it was not copied whole")
    return Token(match[1], match[2], match[3])


def hash_secret(secret: str, pepper: bytes) -> bytes:
    """HMAC-SHA256 of the secret: what is stored, 32 bytes."""
    return hmac.digest(pepper, secret.encode(), "sha256")


def verify(secret: str, stored_hash: bytes, pepper: bytes) -> bool:
    """Whether `stored_hash` is that of `secret`, in time that does not depend on where they differ."""
    return hmac.compare_digest(hash_secret(secret, pepper), stored_hash)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
