"""Credentials that can be told by their form: prefixed API keys and tokens, JSON Web Tokens, private key blocks.

Where a checksum is published (GitHub, npm, this platform), it raises the score to 1; a token whose checksum is wrong is still
masked, because a mistyped credential is nearly as good as the credential.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final

from ..checks import crc32_base62
from ..finding import VERIFIED
from .pattern import Pattern, Verified

_SCORE: Final = 0.95
_NOT_INSIDE_A_WORD: Final = "(?:^|[^0-9A-Za-z_-])"
_OWN_KEY: Final = re.compile(r"sk-[a-z0-9]+-[0-9A-Za-z]{12}-[0-9A-Za-z]{38}")
_PRIVATE_KEY_LONGEST: Final = 16_384
_PRIVATE_KEY_BODY: Final = re.compile(r"[A-Za-z0-9+/=\s\\:,-]*")


def _form(name: str, trigger: str, shape: str, accept: Callable[[str], float | None] | None = None) -> Pattern:
    """A pattern for values that `shape` describes from start to end and that start with what `trigger` says.

    `accept` judges the whole value: a score, or None to drop it.
    """
    compiled = re.compile(shape)

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        value = compiled.match(shadow, start) or compiled.match(shadow, start + 1)
        if value is None:
            return None
        score = accept(value.group()) if accept else _SCORE
        return None if score is None else (value.start(), value.end(), score)

    return Pattern(name, "SECRET", _NOT_INSIDE_A_WORD + trigger, verify)


def _sk(value: str) -> float | None:
    """Knows this platform's own keys by their checksum, and drops lower-case words joined by hyphens, which no key is."""
    if _OWN_KEY.fullmatch(value) and crc32_base62(value[:-6], value[-6:]):
        return VERIFIED
    words = all(part.isalpha() and part.islower() and len(part) < 20 for part in re.split("[-_]+", value.strip("-_")))
    return None if words else _SCORE


def _github(value: str) -> float:
    random = value.partition("_")[2]
    return VERIFIED if len(random) == 36 and crc32_base62(random[:-6], random[-6:]) else _SCORE


def _jwt(value: str) -> float | None:
    header = value.partition(".")[0]
    try:
        decoded = binascii.a2b_base64(header.replace("-", "+").replace("_", "/") + "=" * (-len(header) % 4))
    except binascii.Error:  # not base64, so not a token
        return None
    return _SCORE if b'"alg"' in decoded else None


def _private_key(shadow: str, start: int, end: int, language: str | None) -> Verified:
    """The block up to its end line; a block that was cut off, as far as anything could still belong to it."""
    limit = start + _PRIVATE_KEY_LONGEST
    footer = shadow.find("-----END", end, limit)
    if footer >= 0:
        closing = shadow.find("-----", footer + 8, footer + 80)
        if closing >= 0:
            return start, closing + 5, VERIFIED
    header = shadow.find("-----", end, end + 20)
    body = _PRIVATE_KEY_BODY.match(shadow, header + 5 if header >= 0 else end, limit)
    stop = body.end() if body else end
    return start, start + len(shadow[start:stop].rstrip()), VERIFIED


def _prefixed(name: str, prefix: str, body: str, least: int, most: int | None = None) -> Pattern:
    """`prefix` (an expression without groups of unbounded width) and `least` to `most` characters of the class `body`."""
    upper = "" if most is None else str(most)
    return _form(name, f"(?:{prefix}){body}{{{min(least, 16)}}}", f"(?:{prefix}){body}{{{least},{upper}}}")


PATTERNS: Final = (
    # sk- is OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-) and this platform (sk-<cell>-).
    _form("sk", r"sk-[A-Za-z0-9_-]{17}", r"sk-[A-Za-z0-9_-]{17,}", _sk),
    _form("aws", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _form("github", r"gh[opusr]_[A-Za-z0-9]{30}", r"gh[opusr]_[A-Za-z0-9]{30,255}", _github),
    _prefixed("github-pat", "github_pat_", "[A-Za-z0-9_]", 36, 255),
    _prefixed("gitlab", "gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-", "[A-Za-z0-9_.-]", 20, 300),
    _form("slack", r"xox[abceoprs]-[A-Za-z0-9-]{10}", r"xox[abceoprs]-[A-Za-z0-9-]{10,255}"),
    _prefixed("slack-app", "xapp-[0-9]-", "[A-Za-z0-9-]", 20, 255),
    _form("slack-webhook", r"hooks\.slack\.com/services/T", r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}"),
    _prefixed("google-api", "AIza", "[A-Za-z0-9_-]", 35, 35),
    _prefixed("google-oauth", r"ya29\.", "[A-Za-z0-9_-]", 30),
    _prefixed("google-client", "GOCSPX-", "[A-Za-z0-9_-]", 28, 28),
    _prefixed("stripe", "(?:sk|rk)_(?:live|test|prod)_", "[A-Za-z0-9]", 16, 255),
    _prefixed("stripe-webhook", "whsec_", "[A-Za-z0-9+/=]", 24, 255),
    _prefixed("huggingface", "(?:hf|api_org)_", "[A-Za-z]", 34, 37),
    _form("npm", r"npm_[A-Za-z0-9]{36}", r"npm_[A-Za-z0-9]{36}", _github),
    _prefixed("pypi", "pypi-AgE", "[A-Za-z0-9_-]", 50),
    _form("sendgrid", r"SG\.[A-Za-z0-9_-]{16}", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _prefixed("digitalocean", "do[opr]_v1_", "[a-f0-9]", 64, 64),
    _prefixed("shopify", "shp(?:at|ca|pa|ss|ua)_", "[a-fA-F0-9]", 32, 32),
    _prefixed("databricks", "dapi", "[a-f0-9]", 32, 34),
    _prefixed("groq-xai", "(?:gsk_|xai-|pplx-|nvapi-)", "[A-Za-z0-9_-]", 32),
    _prefixed("replicate", "r8_", "[A-Za-z0-9]", 37, 40),
    _prefixed("vault", r"hv[sbr]\.", "[A-Za-z0-9_-]", 24),
    _prefixed("linear", "lin_(?:api|oauth)_", "[A-Za-z0-9]", 32, 64),
    _prefixed("notion", "ntn_", "[A-Za-z0-9]", 40, 64),
    _prefixed("age", "AGE-SECRET-KEY-1", "[0-9A-Z]", 58, 58),
    _prefixed("telegram", "[0-9]{8,10}:AA", "[A-Za-z0-9_-]", 33, 33),
    _form(
        "jwt",
        r"eyJ[A-Za-z0-9_-]{10}",
        r"eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{4,16384}(?:\.[A-Za-z0-9_-]*){1,3}",
        _jwt,
    ),
    Pattern("private-key", "SECRET", r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY", _private_key),
)
