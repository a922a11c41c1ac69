"""Secrets: keys and tokens in the forms that their issuers give them, and random values for keys that say "secret"."""

from __future__ import annotations

import base64
import json
import string
from typing import Final

from .draw import Draw, Value

_ALNUM: Final = string.ascii_letters + string.digits
_HEX: Final = "0123456789abcdef"
_FORMS: Final = (
    ("sk-proj-", _ALNUM, 40), ("sk-ant-api03-", _ALNUM + "-_", 60), ("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    ("ghp_", _ALNUM, 36), ("github_pat_", _ALNUM, 40), ("glpat-", _ALNUM, 20), ("xoxb-", string.digits, 24), ("AIza", _ALNUM, 35),
    ("sk_live_", _ALNUM, 24), ("npm_", _ALNUM, 36), ("hf_", string.ascii_letters, 34), ("dop_v1_", _HEX, 64), ("hvs.", _ALNUM, 28),
)  # fmt: skip


def token(draw: Draw) -> Value:
    """A token that is told by its form."""
    if draw.chance(0.15):
        return Value(_jwt(draw))
    prefix, alphabet, length = draw.random.choice(_FORMS)
    return Value(prefix + draw.letters(length, alphabet))


def opaque(draw: Draw) -> Value:
    """A random value that only its key tells: ``client_secret = …``."""
    form = draw.random.randrange(3)
    if form == 0:
        return Value(draw.letters(32, _HEX))
    if form == 1:
        return Value(base64.b64encode(draw.random.randbytes(30)).decode())
    return Value(draw.letters(24, _ALNUM))


def pem(draw: Draw) -> Value:
    body = base64.b64encode(draw.random.randbytes(240)).decode()
    lines = "\n".join(body[place : place + 64] for place in range(0, len(body), 64))
    kind = draw.random.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"))
    return Value(f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----")


def _jwt(draw: Draw) -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    header = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
    payload = json.dumps({"sub": draw.letters(8), "iat": 1716239022}).encode()
    return f"{part(header)}.{part(payload)}.{part(draw.random.randbytes(32))}"
