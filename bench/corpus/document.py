"""A document of the corpus: a template filled with values, and where each value lies: the gold spans, known by construction.

In a template ``«IBAN»`` is a value of that type, ``«?IBAN»`` the word for the next value of that type (after the last
one: for that), and ``«-order»`` something that looks like personal data and is none (`negatives`). ``«LAST»`` and
``«FIRST»`` are parts of the person's name, ``«OTHER»`` is another person; ``«USERINFO»`` is what stands before the @ of
a URL; ``«TOKEN»``, ``«OPAQUE»``, ``«PASSWORD»`` and ``«PEM»`` are secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from . import credentials, machines, money, papers, people
from .draw import Draw, Value
from .national import national
from .negatives import NEGATIVES
from .noise import PLAIN, noisy
from .vat import vat

_VALUES: Final[dict[str, tuple[str, Callable[[Draw], Value]]]] = {
    "NAME": ("NAME", people.name),
    "LAST": ("NAME", lambda draw: Value(draw.last)),
    "FIRST": ("NAME", lambda draw: Value(draw.first)),
    "OTHER": ("NAME", people.other_name),
    "ADDRESS": ("ADDRESS", people.address),
    "PHONE": ("PHONE", people.phone),
    "EMAIL": ("EMAIL", people.email),
    "DATE_OF_BIRTH": ("DATE_OF_BIRTH", people.birth),
    "IBAN": ("IBAN", money.iban),
    "BIC": ("BIC", money.bic),
    "CARD": ("CARD", money.card),
    "CRYPTO": ("CRYPTO", money.crypto),
    "IP": ("IP", machines.ip),
    "MAC": ("MAC", machines.mac),
    "LOCATION": ("LOCATION", machines.location),
    "USERINFO": ("URL_CREDENTIALS", machines.user_and_password),
    "TOKEN": ("SECRET", credentials.token),
    "OPAQUE": ("SECRET", credentials.opaque),
    "PASSWORD": ("SECRET", lambda draw: Value(machines.password(draw))),
    "PEM": ("SECRET", credentials.pem),
    "VAT": ("VAT", vat),
    "NATIONAL_ID": ("NATIONAL_ID", national),
    "PASSPORT": ("PASSPORT", papers.passport),
    "DRIVING_LICENCE": ("DRIVING_LICENCE", papers.licence),
    "HEALTH_INSURANCE": ("HEALTH_INSURANCE", papers.health_insurance),
    "VEHICLE": ("VEHICLE", papers.vehicle),
}
_MARK: Final = re.compile(r"«([?-]?)(\w+)»")


@dataclass(frozen=True, slots=True)
class Gold:
    """Personal data at ``text[start:end]``; `noise` is the kind of noise that it is written with."""

    start: int
    end: int
    type: str
    noise: str = PLAIN


@dataclass(frozen=True, slots=True)
class Document:
    text: str
    language: str
    kind: str
    """Of the template: ``letter``, ``form``, ``log`` …"""
    gold: tuple[Gold, ...]


def render(template: str, kind: str, draw: Draw, labels: Mapping[str, str], noise: str = PLAIN) -> Document:
    """The document that `draw` makes of `template`.

    `labels` are the words for the types in the draw's language, and by a number's own label (`Value.label`) what to write
    instead of that; a number's own label comes before its type's.
    """
    marks = list(_MARK.finditer(template))
    values = [_value(mark, draw) for mark in marks]
    pieces: list[str] = []
    gold: list[Gold] = []
    length = done = 0

    def add(text: str) -> None:
        nonlocal length
        pieces.append(text)
        length += len(text)

    for place, mark in enumerate(marks):
        add(template[done : mark.start()])
        done = mark.end()
        role, named = mark.groups()
        if role == "?":
            same = [at for at, other in enumerate(marks) if other.groups() == ("", named)]
            own = values[next((at for at in same if at > place), same[-1])].label
            add(labels.get(own, own) or labels.get(_VALUES[named][0], named))
            continue
        text = values[place].text
        if role == "-":
            add(text)
            continue
        kind_of_value = _VALUES[named][0]
        written = noisy(noise, kind_of_value, text, draw)
        gold.append(Gold(length, length + len(written or text), kind_of_value, noise if written else PLAIN))
        add(written or text)
    add(template[done:])
    return Document("".join(pieces), draw.language, kind, tuple(gold))


def _value(mark: re.Match[str], draw: Draw) -> Value:
    role, named = mark.groups()
    if role == "-":
        return Value(NEGATIVES[named](draw))
    return Value("") if role == "?" else _VALUES[named][1](draw)
