"""What a value beside a key such as ``password`` or ``token`` is: a literal, or what stands where one would be.

``password=None``, ``token: str``, ``os.environ["PASSWORD"]``, ``${PASSWORD}``, ``<your-password>`` and ``****`` are no secrets.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

_SHORTEST_TOKEN: Final = 16
_TELLING: Final = 64
"""Characters of a long value that are looked at."""
_FEWEST_BITS: Final = 2.9
"""Shannon entropy of a token, bits per character: hexadecimal digits of any key have 3.3 and more, words mostly under 2.9 at 16."""
_BITS_OF_NO_WORDS: Final = 4.2


def _row(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO_VALUES: Final = _row(
    """
    none null nil true false yes no undefined empty blank string str int integer bool boolean bytes float number object any
    optional required mandatory hidden masked text char varchar array list dict self this value default unknown missing invalid
    valid type password passwd passwort kennwort pwd pass passphrase passcode secret token key apikey username user login email
    name input prompt n/a tbd todo unset disabled enabled changed expired forgotten protected stored encrypted hashed incorrect
    wrong correct please enter field confirm confirmation reset file stdin env environment variable config settings return raise
    lambda await function const static public private protected readonly not and for with from the has have must should will can
    """
)
"""Words after a key that say what the value is like, or that are keywords of programs."""
_TEMPLATES: Final = re.compile(
    r"\$\{|\$\(|^\$(?:[0-9]|[A-Za-z_]\w*)$|^\$[A-Za-z_]\w*[.:\[]|\{\{|^<|>$|%\(\w|^%[sdr@]$|%[sd]:%[sd]|^%\w+%$|^@\w+@$|^![A-Z][a-z]+$|^!vault|^#[a-z]+$|\{[A-Za-z_][\w.\[\]!:]*\}|\{\}|"
    r"environ|getenv|process\.env|secrets?\.|^vault:|^ssm:|^arn:|^secretref|\x1a|^\*{2,}|\*{3}|^x{2,}|\[\[[A-Z]|\]\]|://|^\\",
    re.IGNORECASE,
)
_STAND_INS: Final = re.compile(
    r"your|example|placeholder|redacted|replace|insert[_-]|_here\b|-here\b|dummy|\.\.\.", re.IGNORECASE
)
_ECHO: Final = re.compile(
    r"(?:my|the|new|old|user|db|admin|root|test|some|enter|this|is|a|an|no|bad|good|super|our)*[_-]?"
    r"(?:pass(?:w(?:or)?[dt]|phrase|code|e)?|kennwort|pwd|secret|token|api_?key|key|senha|contrase\xf1a|wachtwoord|has(?:l|\xb3)o|heslo)+s?"
    r"[_-]?(?:field|hash|value|text|input|label|file|key|name|str(?:ing)?|id|type|box|prompt|token|s)*[0-9]?",
    re.IGNORECASE,
)
"""A name made of the words for a secret: it repeats the key."""
_PATH: Final = re.compile(r"(?:[/~]|\.{1,2}/|[A-Za-z]:\\)[\w./\\~ -]*\Z")
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z")
_CALL: Final = re.compile(r"\(*[A-Za-z_][\w.]*(?:\(|\[)")
_CALLED: Final = re.compile(r"[A-Za-z_][\w.]*(?:\(.*\)|\[.*\]|\(\Z)")
_SIGNS: Final = re.compile(r"[!@#$%^&*()+?~=_-]")
_SHORTEST_MIXED: Final = 8
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*\Z")
_WORDS: Final = re.compile(r"[A-Za-z]+(?:[-_./ :][A-Za-z]+|[-_./][0-9]{1,4})*\Z")
_ALPHABET: Final = re.compile(r"[A-Za-z0-9+/=_.~-]+\Z")
_TOKEN: Final = re.compile(r"[!-~]+\Z")


def stands_in(value: str) -> bool:
    """Whether `value` is a template, a mask, a reference, a keyword or the key again, and no literal. Its beginning tells."""
    value = value[:_TELLING]
    if len(value) >= 32 and _ALPHABET.match(value) and is_random(value) and bits(value) > _BITS_OF_NO_WORDS:
        return False  # though it says EXAMPLE somewhere, as keys in manuals do
    if value.lower() in _NO_VALUES or len(set(value)) < 2 or _TEMPLATES.search(value):
        return True
    if is_mixed(value):
        return False
    return bool(_STAND_INS.search(value) or _ECHO.fullmatch(value) or _PATH.match(value) or _DOTTED.match(value))


def is_mixed(value: str) -> bool:
    """Whether `value` is what a generator of passwords makes: small and large letters, digits and signs, and no call."""
    if len(value) < _SHORTEST_MIXED or _CALLED.match(value):
        return False
    kinds = (any(map(str.islower, value)), any(map(str.isupper, value)), any(map(str.isdigit, value)))
    return all(kinds) and _SIGNS.search(value) is not None


def is_expression(value: str) -> bool:
    """Whether an unquoted `value` is a call or a subscript of a program."""
    return _CALL.match(value) is not None


def is_identifier(value: str) -> bool:
    """Whether an unquoted `value` could be the name of a variable."""
    return _IDENTIFIER.match(value) is not None


def is_random(value: str) -> bool:
    """Whether `value` looks drawn by a machine: long, of letters and digits, with much entropy, and not words joined."""
    value = value[:_TELLING]
    if len(value) < _SHORTEST_TOKEN or not _TOKEN.match(value) or _WORDS.match(value):
        return False
    if _UUID.match(value):
        return True
    digits = sum(map(str.isdigit, value))
    letters = sum(map(str.isalpha, value))
    if not letters or (not digits and (value.islower() or value.isupper() or len(value) < 24)):
        return False
    return bits(value) >= _FEWEST_BITS


def bits(value: str) -> float:
    """Shannon entropy of the characters of `value`, in bits per character."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


def is_varied(value: str) -> bool:
    """Whether `value` has what people put into passwords: a digit or a sign among letters, or letters of both cases inside."""
    letters = any(map(str.isalpha, value))
    return letters and (
        any(map(str.isdigit, value)) or not value.isalnum() or not (value[1:].islower() or value.isupper())
    )
