"""Secrets that only the key beside them tells: ``password=…``, ``"client_secret": "…"``, ``PGPASSWORD=…``, ``Passwort: …``,
``Authorization: Bearer …``, in code, JSON, YAML, XML, .env files, command lines and prose.

After a word for a password any literal is a secret, however weak; after a word such as "token" only what looks random. A name
without quotes is a variable unless the line is one of a configuration. The finding covers the value, not the key.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from ..shadow import cast
from .literal import is_expression, is_identifier, is_mixed, is_random, is_varied, stands_in
from .pattern import Pattern, Verified

_SCORE: Final = 0.85
_SCORE_PROSE: Final = 0.8
_SCORE_HEADER: Final = 0.9
_SHORTEST_PASSWORD: Final = 4


_ACCENTED: Final = re.compile("[\xc0-\xff]")


def _alternatives(row: str) -> str:
    """An expression of the words as they stand in a shadow; an accented letter is any, because only ASCII has cases there."""
    return "|".join(_ACCENTED.sub(r"[\\xc0-\\xff]", cast(word).text).replace("_", "[ _-]?") for word in row.split())


_PASSWORD_WORDS: Final = _alternatives(
    """
    password passwd passwort passphrase passcode kennwort pwd mot_de_passe contraseña contrasena senha palavra_passe parola
    wachtwoord lösenord losenord adgangskode kodeord passord salasana parool salasõna slaptažodis parole heslo hasło jelszó lozinka
    zaporka geslo κωδικός κωδικός_πρόσβασης парола пароль pasfhocal
    """
)
_TOKEN_WORDS: Final = (
    "secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|shared[_-]?(?:access[_-]?)?key|auth[_-]?key|"
    "encryption[_-]?key|signing[_-]?key|master[_-]?key|license[_-]?key|instrumentation[_-]?key|credential|session[_-]?id|"
    "phpsessid|jsessionid|authorization|webhook[_-]?key|private-token"
)
_PASSWORD: Final = re.compile(_PASSWORD_WORDS + r"|[_-]pass\b|\bpw\b|\bpass\b|\bmdp\b", re.IGNORECASE)
_TOKEN: Final = re.compile(_TOKEN_WORDS, re.IGNORECASE)
_PHRASE: Final = re.compile("passphrase", re.IGNORECASE)
_PLAIN_KEY: Final = re.compile("password|passwd|passwort|kennwort|pwd", re.IGNORECASE)
_OTHER_ENDING: Final = re.compile(
    # What a key that ends so holds is about the secret, not the secret.
    r"(?:types?|urls?|uri|names?|counts?|length|len|files?|path|dir|fields?|polic(?:y|ies)|expir[a-z]*|ttl|limit|size|index|class|form|"
    r"label|hint|prompt|reset|change[ds]?|column|regex|pattern|min|max|format|version|strength|required|enabled|attempts|manager|"
    r"timeout|lifetime|rotation|provider|algorithm|encoding|scopes?|izers?|ized?|s|end|start|line|at|by|error|message|text|"
    r"endpoint|host|port|validator|helper|generator|list|map|info|data|store|ref|arn|status|kind|pos|offset|tag|hash(?:ed)?|digest|salt)[\"'\])\\]*\s*[=:>]\Z",
    re.IGNORECASE,
)
_OTHER_BEGINNING: Final = re.compile(
    r"(?:max|min|num|len|no|without|forgot|forgotten|reset|change|show|hide|pad|eos|bos|unk|sep|cls|mask)[_ -]?\Z", re.I
)
_QUOTED: Final = re.compile(r"[ \t]{0,40}(?:[rbuRBU]{1,2}|@|\$)?(\\{0,3}[\"'`])((?:(?!\1)[^\n]){1,256})\1")
_ELEMENT: Final = re.compile(r"(\s{0,2})([^<>\s]{1,256})\s{0,2}</")
_BARE: Final = re.compile(r"[ \t]{0,40}([^\s\"'`]{4,256})")
_BARE_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_.~:%$!@#^&*-]+\Z")
_CUT: Final = re.compile(r"&(?=[A-Za-z_]+=)|;(?=\Z|[A-Za-z ]+=)|</|,(?=[A-Za-z_]+[=:]|\Z)|\\[nr]")
"""What ends an unquoted value before the next space."""
_OPENERS: Final = {")": "(", "]": "[", "}": "{"}
_LINE: Final = 60
_CODE_ENDS: Final = (",", ")", "]", "}", ";", ":")
_CODE_AFTER: Final = re.compile(r" (?:=|\+|or\b|and\b|if\b)")
_FEWEST_DIGITS: Final = 3
"""Digits in what could be a name in a program, and is none."""
_SCHEME: Final = re.compile(
    r"(?:bearer|basic|token|apikey|key|digest|aws4-hmac-sha256|negotiate)\s{1,2}", re.IGNORECASE
)
_LINE_START: Final = re.compile(r"[\t >*-]*[\"']?[A-Za-z0-9_. -]{0,40}\Z")
_UPPER_KEY: Final = re.compile(r"[A-Z0-9_]+\Z")


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    key = shadow[start:end]
    strong = _PASSWORD.search(key) is not None
    follows = shadow[end : end + 1]
    if follows in ("=", "~", ":") and not (follows == "=" and key[-1] == ":"):
        return None
    if key[-1] == ":" and shadow.startswith("//", end):
        return None
    if follows == "=" or (key[-1] == "=" and follows == ">"):
        end += 1
    if not strong and _TOKEN.search(key) is None:
        return None  # "passive"
    if key[-1] == ">" and not key[-2].isalnum():
        return None  # the end of an attribute
    if _OTHER_ENDING.search(key) and not key.lower().startswith(("private_key_id", "secret_id")):
        return None
    if start and _OTHER_BEGINNING.search(shadow, max(0, start - 10), start):
        return None
    return _quoted(shadow, end, key, strong) or _bare(shadow, start, end, key, strong)


def _quoted(shadow: str, end: int, key: str, strong: bool) -> Verified | None:
    match = (_ELEMENT if key[-1] == ">" else _QUOTED).match(shadow, end)
    if match is None:
        return None
    first, stop, value = match.start(2), match.end(2), match.group(2)
    scheme = _SCHEME.match(value)
    if scheme:
        first, value = first + scheme.end(), value[scheme.end() :]
    if " " in value and not (strong and _PHRASE.search(key)) and not _mixed_phrase(value):
        return None
    if stands_in(value) or shadow[match.end() : match.end() + 1] in ("(", "%"):
        return None
    if strong:
        good = len(value) >= _SHORTEST_PASSWORD
    else:
        good = is_random(value) or (
            len(value) >= 8 and "secret" in key.lower() and is_varied(value) and any(map(str.isdigit, value))
        )
    return (first, stop, _SCORE) if good else None


def _mixed_phrase(value: str) -> bool:
    """Whether a value with spaces is random all the same, as Google's app passwords are: ``abcd efgh ijkl mnop``."""
    return re.fullmatch(r"[a-z]{4}(?: [a-z]{4}){3}", value) is not None


def _bare(shadow: str, start: int, end: int, key: str, strong: bool) -> Verified | None:
    if shadow[end : end + 1] in ("\n", ""):
        return None
    scheme = _SCHEME.match(shadow, end + (shadow[end : end + 1] == " "))
    match = _BARE.match(shadow, scheme.end() if scheme else end)
    if match is None:
        return None
    value = match.group(1)
    first = match.start(1)
    cut = _CUT.search(value)
    if cut:
        value = value[: cut.start()]
    listed = match.group(1)[len(value) : len(value) + 1] == ","
    code = listed or value[-1:] in _CODE_ENDS or _CODE_AFTER.match(shadow, match.end()) is not None
    value = _without_closers(value, shadow[max(0, start - _LINE) : first].rpartition("\n")[2])
    if len(value) < _SHORTEST_PASSWORD or stands_in(value):
        return None
    mixed = strong and is_mixed(value)
    if not mixed and (value[0] in "([{" or is_expression(value)):
        return None
    if code and is_identifier(value) and sum(map(str.isdigit, value)) < _FEWEST_DIGITS:
        return None
    if strong:
        good = mixed or _is_password(shadow, start, first + len(value), key, value, code)
    else:
        good = is_random(value) and _BARE_TOKEN.match(value) is not None
    return (first, first + len(value), _SCORE) if good else None


def _without_closers(value: str, before: str) -> str:
    """`value` without the punctuation of the text around it: brackets go where the line opened them `before`."""
    while value:
        opener = _OPENERS.get(value[-1])
        if value[-1] not in ",.;:>" and (opener is None or opener in value or opener not in before):
            return value
        value = value[:-1]
    return value


def _is_password(shadow: str, start: int, stop: int, key: str, value: str, code: bool) -> bool:
    """Whether the unquoted `value` of a password key is a literal: by its form, or by the form of the line."""
    if is_random(value) and _BARE_TOKEN.match(value):
        return True
    assigned = key[-1] == "=" and ((_UPPER_KEY.match(key[:-1])) or "--" in shadow[max(0, start - 2) : start + 1])
    ends = shadow[stop : stop + 1]
    configured = not code and (ends in ("", "\n", "\r", "&", ";") or bool(assigned) or (ends == "<" and key[-1] == ">"))
    if value.isdigit():
        return not code and key[-2:-1] not in ("'", '"')
    if value.isalpha() or is_identifier(value):
        if not configured:
            return not code and is_varied(value) and sum(map(str.isdigit, value)) >= 1 and key[-1] == ":"
        if is_varied(value) and any(map(str.isdigit, value)):
            return True
        plain = _PLAIN_KEY.search(key) is not None and len(value) >= 5
        if key[-1] == "=":
            return plain and bool(assigned)
        if key[-1] == ">":
            return plain and ends == "<"
        return plain and value[1:].islower() and _at_line_start(shadow, start)
    letters = any(map(str.isalpha, value))
    if re.fullmatch(r"[A-Za-z_][\w.]*(?:[-+/*|.][A-Za-z_][\w.]*)*", value):
        return configured and value.count("-") >= 2 and _at_line_start(shadow, start)
    return letters and len(value) >= 6 and not re.search(r"[(\[{=]", value[1:-1].rstrip("="))


def _at_line_start(shadow: str, start: int) -> bool:
    line = shadow[max(0, start - 60) : start].rpartition("\n")[2]
    return _LINE_START.match(line) is not None


_PROSE_VALUE: Final = re.compile(r"\s?(?:now |jetzt |nun |:|=)?\s{0,2}([\"'`]|\*\*)?([^\s\"'`]{4,128})")


def _prose(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """After "my password is": only what no word of a sentence looks like."""
    match = _PROSE_VALUE.match(shadow, end)
    if match is None:
        return None
    value = match.group(2).partition("&quot")[0].rstrip(".,;:")
    if is_mixed(value):
        return match.start(2), match.start(2) + len(value), _SCORE_PROSE
    value = value.rstrip(".,;:)*" if match.group(1) else ".,;:)*!?")
    inner = value[1:]
    varied = (
        any(map(str.isdigit, value))
        or any(sign in inner for sign in "!@#$%^&*+=_?")
        or (match.group(1) and len(value) > 5)
    )
    if not varied or len(value) < 5 or stands_in(value) or is_expression(value):
        return None
    return match.start(2), match.start(2) + len(value), _SCORE_PROSE


_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/=-]{12,4096}")


def _bearer(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    match = _BEARER.match(shadow, end - 12)
    if match is None:
        return None
    value = match.group().rstrip(".")
    if stands_in(value) or not (any(map(str.isdigit, value)) and is_varied(value)):
        return None
    return match.start(), match.start() + len(value), _SCORE_HEADER


_BASIC: Final = re.compile(r"[A-Za-z0-9+/_-]{8,2048}={0,2}")


def _basic(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """Base64 of ``user:password``, in a header or in the ``auth`` of a Docker configuration."""
    match = _BASIC.match(shadow, end - 8)
    if match is None:
        return None
    value = match.group()
    try:
        decoded = binascii.a2b_base64(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4))
    except binascii.Error:  # not base64, so no credentials
        return None
    user, colon, password = decoded.partition(b":")
    if not colon or not (user or password) or not all(32 <= byte < 127 or byte > 160 for byte in decoded):
        return None
    return match.start(), match.end(), _SCORE_HEADER


_END: Final = r"[a-z0-9_-]{0,16}[\\\"'\])]{0,4}\s{0,2}[=:>]"
PATTERNS: Final = (
    Pattern("password", "SECRET", rf"(?:{_PASSWORD_WORDS}|[_-]pass|\bpass|\bpw|\bmdp){_END}", _verify, caseless=True),
    Pattern("token", "SECRET", rf"(?:{_TOKEN_WORDS}){_END}", _verify, caseless=True),
    Pattern(
        "password-option",
        "SECRET",
        r"\s--?(?:password|passwd|pass|token|api-?key|secret|auth-token) ",
        _verify,
        caseless=True,
    ),
    Pattern(
        "password-in-prose",
        "SECRET",
        rf"\b(?:{_PASSWORD_WORDS}|api[ -]?key|token)[a-z]{{0,3}} "
        r"(?:is|was|ist|lautet|war|est|es|\xe8|er|on|to|je|jest|\xe4r|van|zu|auf)[ :]",
        _prose,
        caseless=True,
    ),
    Pattern("bearer", "SECRET", r"\bbearer[ :]{1,2}[A-Za-z0-9._~+/-]{12}", _bearer, caseless=True),
    Pattern("basic", "SECRET", r"(?:\bbasic ['\"]?|\"auth\" ?: ?\")[A-Za-z0-9+/_-]{8}", _basic, caseless=True),
)
