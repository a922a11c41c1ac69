"""Credentials inside URLs and connection strings.

The finding covers what lets somebody in, never the host, the path or the name of a parameter: ``user:password`` before an ``@``,
the value of a query parameter such as ``access_token``, the values of ``Password=`` and of ``User ID=`` beside it in an ADO, ODBC
or JDBC string, and what follows ``curl -u``.
"""

from __future__ import annotations

import re
from typing import Final

from .literal import is_random, is_varied, stands_in
from .pattern import Pattern, Verified

_SCORE: Final = 0.97
"""Above that of an e-mail address: ``password@host.example`` looks like one."""
_USERINFO: Final = re.compile(r"([^\s:/?#@\"'<>]{0,128}):([^\s\"'<>]{1,256})@(?=[A-Za-z0-9\[\]_.$%{-])")
_TOKEN_ONLY: Final = re.compile(r"([A-Za-z0-9_%.~-]{16,256})(?::)?@(?=[A-Za-z0-9])")
_PORT: Final = re.compile(r"[0-9]{1,5}(?:/|\?|#|\Z)")
_NO_PASSWORDS: Final = frozenset(
    ("pass", "password", "passwd", "pwd", "pw", "xxx", "xxxx", "xxxxx", "...", "port", "p", "secret")
)
"""What documentation writes in the place of a password."""


def _userinfo(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    first = shadow.index("://", start) + 3
    match = _USERINFO.match(shadow, first)
    if match is None:
        only = _TOKEN_ONLY.match(shadow, first)
        return (first, only.end(1), _SCORE) if only and is_random(only.group(1)) else None
    user, password = match.groups()
    # The greedy match runs to the last @. A path may hold one, too: then the credentials end before the path, if there.
    slash = re.search(r"[/?#]", password)
    if slash:
        head = password[: slash.start()]
        if "@" in head:
            password = head.rpartition("@")[0]
        elif _PORT.match(password) or shadow[max(0, first - 8) : first].lower().endswith(("http://", "https://")):
            return None
    stop = match.start(2) + len(password)
    if password.lower() in _NO_PASSWORDS or (stands_in(password) and not password.isdigit()):
        return None
    return (first if user else match.start(2)), stop, _SCORE


_PARAMETER: Final = re.compile(r"([^\s&?\"'<>#;,)\]}`|\\]{1,2048})")
_PASSWORD_PARAMETER: Final = re.compile(r"pass|pwd", re.IGNORECASE)
_SHORTEST: Final = 4


def _parameter(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    match = _PARAMETER.match(shadow, end)
    if match is None:
        return None
    value = match.group().rstrip(".:!*")
    name = shadow[start + 1 : end - 1].lower()
    if len(value) < _SHORTEST or (stands_in(value) and not value.isdigit()):
        return None
    strong = _PASSWORD_PARAMETER.search(name) is not None
    generic = name in ("key", "code", "sid", "auth", "signature", "hmac", "state", "token")
    if (
        strong
        or is_random(value)
        or (not generic and len(value) >= 6 and is_varied(value) and any(map(str.isdigit, value)))
    ):
        return end, end + len(value), _SCORE
    return None


_STRING_KEYS: Final = re.compile(
    r"\b(?:server|data source|initial catalog|database|dbname|driver|dsn|provider|host|hostname|addr(?:ess)?|network address|"
    r"endpoint|port|jdbc:[a-z]+|uid|user id|integrated security|trusted_connection|encrypt|sslmode)\s?[=:]",
    re.IGNORECASE,
)
_FEWEST_STRING_KEYS: Final = 2
_AROUND: Final = 240
_VALUE: Final = re.compile(r"\s?(?:\{([^}\n]{1,128})\}|'([^'\n]{1,128})'|([^\s;\"'&,)}]{1,128}))")
_PASSWORD_KEY: Final = re.compile(r"\b(?:password|pwd)\s?=\s?[^\s;]", re.IGNORECASE)


def _string(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    match = _VALUE.match(shadow, end)
    if match is None:
        return None
    group = next(index for index in (1, 2, 3) if match.group(index))
    value = match.group(group)
    if stands_in(value) and not value.isdigit():
        return None
    before = shadow[max(0, start - _AROUND) : start].rpartition("\n")[2]
    after = shadow[match.end() : match.end() + _AROUND].partition("\n")[0]
    if before.endswith(",") or after[:1] not in ("", ";", " ", '"', "'", "\r"):
        return None  # the arguments of a call
    if len(_STRING_KEYS.findall(before)) + len(_STRING_KEYS.findall(after)) < _FEWEST_STRING_KEYS:
        return None
    if "p" not in shadow[start:end].lower().partition("=")[0] and not _PASSWORD_KEY.search(before + " " + after):
        return None  # a user without a password
    return match.start(group), match.end(group), _SCORE


_ORACLE: Final = re.compile(r"([A-Za-z0-9_$#.-]{1,64}/[^\s@\"']{1,128})@")


def _oracle(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    match = _ORACLE.match(shadow, end)
    if match is None or stands_in(match.group(1).partition("/")[2]):
        return None
    return match.start(1), match.end(1), _SCORE


_PAIR: Final = re.compile(r"[\"']?([^\s\"':$<{]{1,64}:[^\s\"']{3,128})")


def _option(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    line = shadow[max(0, start - _AROUND) : start].rpartition("\n")[2]
    match = _PAIR.match(shadow, end)
    if match is None or not re.search(r"\b(?:curl|http|wget|lftp|svn)\b", line):
        return None
    password = match.group(1).partition(":")[2]
    if password.lower() in _NO_PASSWORDS or stands_in(password):
        return None
    return match.start(1), match.end(1), _SCORE


PATTERNS: Final = (
    Pattern("url-userinfo", "URL_CREDENTIALS", r"[A-Za-z0-9]://[^\s:/?#@\"'<>]{0,64}:[^\s/]", _userinfo),
    Pattern("url-token", "URL_CREDENTIALS", r"[A-Za-z]://[A-Za-z0-9_%~-]{16}", _userinfo),
    Pattern(
        "url-parameter",
        "URL_CREDENTIALS",
        r"[?&#;](?:access_?token|auth_?token|id_?token|refresh_?token|token|api_?key|apikey|api-key|x-api-key|key|auth|code|"
        r"client_?secret|secret|secret_?key|pass|passwd|password|pwd|passphrase|session_?id|sid|signature|hmac|jwt|"
        r"x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid|private_?token|subscription-key)=",
        _parameter,
        caseless=True,
    ),
    Pattern(
        "connection-string",
        "URL_CREDENTIALS",
        r"(?:^|[;\"'\s(])(?:password|pwd|user id|userid|uid|user|username|user name) ?=",
        _string,
        caseless=True,
    ),
    Pattern("jdbc-oracle", "URL_CREDENTIALS", r"\bjdbc:oracle:(?:thin|oci):", _oracle, caseless=True),
    Pattern("user-option", "URL_CREDENTIALS", r"\s(?:-u|--user|--proxy-user)[ =]", _option),
)
