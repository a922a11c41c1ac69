"""Spain, Portugal."""

from __future__ import annotations

from typing import Final

from ...checks import weighted_sum
from ...checks_vat_person import es_dni, es_nie
from ...context import Words
from .form import GAP, NINE, SEVEN_AND_LETTER, groups, parts
from .identifier import identifier

_NIF: Final = (9, 8, 7, 6, 5, 4, 3, 2)


def dni(number: str) -> bool:
    """Spanish DNI, eight digits: the letter is the rest by 23 (Royal Decree 338/1990)."""
    return es_dni(number) and number[:8].strip("0") != ""


def nif(number: str) -> bool:
    """Portuguese NIF: 11 less the weighted sum modulo 11, 10 and 11 counting as 0 (Decree-Law 14/2013)."""
    check = 11 - weighted_sum(number, _NIF) % 11
    return (check if check < 10 else 0) == int(number[8])


def citizen_card(number: str) -> bool:
    """Portuguese cartão de cidadão with its version: every second character from the right doubled, 9 taken away above 9,
    where A is 10 to Z 35; a multiple of ten in all. The eight digits of the bilhete de identidade have a digit of their own."""
    values = [int(character, 36) for character in number]
    doubled = (2 * value - 9 if value > 4 else 2 * value for value in values[-2::-2])
    return (sum(values[-1::-2]) + sum(doubled)) % 10 == 0


PATTERNS: Final = (
    identifier(
        "es-dni",
        "ES",
        SEVEN_AND_LETTER,
        rf"(?:[0-9]{{8}}|[0-9]{{2}}[ .][0-9]{{3}}[ .][0-9]{{3}})(?:{GAP}| ?- ?)[A-HJ-NP-TV-Z]",
        dni,
        Words("dni", "d n i", "nif", "n i f", "documento nacional de identidad", "número de identificación fiscal",
              "documento de identidad", "identificación fiscal", "nan", "document nacional d'identitat"),
        lead=3,
        telling=r"[0-9]{8}-?[A-Z]|[0-9]{2}\.[0-9]{3}\.[0-9]{3}[ -]?[A-Z]",
    ),
    identifier(
        "es-nie",
        "ES",
        SEVEN_AND_LETTER,
        rf"[XYZKLM](?:{GAP}| ?- ?)(?:[0-9]{{7}}|[0-9][ .][0-9]{{3}}[ .][0-9]{{3}})(?:{GAP}| ?- ?)[A-HJ-NP-TV-Z]",
        es_nie,
        Words("nie", "n i e", "nif", "número de identidad de extranjero", "número de identificación de extranjero",
              "extranjero", "tie", "identificación fiscal"),
        lead=14,
        telling="[^a-z]*",
    ),
    identifier(
        "pt-nif",
        "PT",
        NINE,
        rf"[1-4][0-9]{{2}}{GAP}{groups(3, 3)}",
        nif,
        Words("nif", "n i f", "contribuinte", "número de contribuinte", "n contribuinte", "número fiscal",
              "número de identificação fiscal", "identificação fiscal", "nº fiscal", stems=("contribuint",)),
    ),
    identifier(
        "pt-citizen-card",
        "PT",
        r"\b" + parts("[0-9]{8}", "[0-9]", "[A-Z][A-Z0-9]", "[0-9]") + r"\b",
        rf"[0-9]{{8}}{GAP}[0-9]{GAP}[A-Z][A-Z0-9]{GAP}?[0-9]",
        citizen_card,
        Words("cc", "cartão de cidadão", "cartao de cidadao", "cartão do cidadão", "cartão cidadão", "documento de identificação",
              "bilhete de identidade", "bi", "número de identificação civil", "identificação civil", "nic"),
        telling="[^a-z]*",
    ),
)  # fmt: skip
