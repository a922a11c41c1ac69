"""E-mail addresses, internationalised ones included (RFC 5321, 6531), but for quoted local parts."""

from __future__ import annotations

import re
import string
from typing import Final

from ..context import Words
from .literal import is_random
from .pattern import Pattern, Verified

_LETTERS: Final = "".join(chr(point) for point in range(0xC0, 0x100) if point not in (0xD7, 0xF7))
_LOCAL: Final = string.ascii_letters + string.digits + "._%+-'" + _LETTERS
_DOMAIN: Final = re.compile(r"(?:[\w-]{1,63}\.){1,20}[^\W\d_][\w-]{0,62}[^\W_]")
_FILE_SUFFIXES: Final = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "xml", "txt")
)
"""``icon@2x.png`` is a file, not an address; none of these is a top-level domain."""
_LONGEST_USER: Final = 72
_LONGEST_LOCAL: Final = 256
"""Four times what RFC 5321 allows: a longer run is covered this far."""


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    at = end - 2
    domain = _DOMAIN.match(shadow, at + 1)
    if domain is None:
        return None
    before = shadow[max(0, at - _LONGEST_LOCAL) : at]
    local = before[len(before.rstrip(_LOCAL)) :].lstrip("'.-")
    if not local or shadow[domain.start() : domain.end()].rpartition(".")[2].lower() in _FILE_SUFFIXES:
        return None
    if _in_userinfo(shadow, at - len(local), local):
        return None
    return at - len(local), domain.end(), 0.95


def _in_userinfo(shadow: str, start: int, local: str) -> bool:
    """Whether the local part is the password or the token of a URL (``https://user:local@host``)."""
    if shadow[start - 1 : start] == ":":
        return "://" in shadow[max(0, start - _LONGEST_USER) : start - 1].rpartition(" ")[2]
    return shadow[start - 2 : start] == "//" and is_random(local)


_WORDS: Final = Words(
    "mail", "e mail", "email", "courriel", "mél", "correo", "posta elettronica", "adresse", "address", "write", "contact",
    "kontakt", "sähköposti", "e pošta", "имейл", "ηλεκτρονικό", "ríomhphost", stems=("mail", "epost"),
)  # fmt: skip

PATTERNS: Final = (
    Pattern(
        "email", "EMAIL", r"[A-Za-z0-9_%+'.\xc0-\xff-]@[A-Za-z0-9\xc0-\xff]", _verify, start_known=False, context=_WORDS
    ),
)
