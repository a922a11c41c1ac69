"""Passports, driving licences, health insurance and vehicle identification numbers."""

from __future__ import annotations

from typing import Final

from stdnum import luhn
from stdnum.gb import nhs

from .draw import Draw, Value
from .national import FORMS, regroup

_PASSPORTS: Final = {
    "AT": "@#######", "BE": "@@######", "BG": "#########", "CH": "@#######", "CY": "@########", "CZ": "########",
    "DK": "#########", "EE": "KB#######", "ES": "@@@######", "FI": "FP#######", "FR": "##@@#####", "GB": "#########",
    "GR": "@@#######", "HR": "#########", "HU": "@@######", "IE": "P@#######", "IS": "A#######", "IT": "@@#######",
    "LT": "########", "LU": "@@@@@@##", "LV": "LV#######", "MT": "#######", "NL": "@@**#*###", "NO": "########",
    "PL": "@@#######", "PT": "@@######", "RO": "0########", "SE": "########", "SI": "P@#######", "SK": "@@#######",
    "US": "#########",
}  # fmt: skip
_LICENCES: Final = {
    "AT": "########", "BE": "##########", "BG": "#########", "CH": "############", "CZ": "E@######", "DE": "@###**####@",
    "DK": "########", "ES": "########@", "FR": "##@@#####", "GB": "@@@@@#0#0#1@@9@@", "GR": "#########", "HR": "########",
    "HU": "@@######", "IE": "#########", "IT": "@@#######@", "LT": "########", "NL": "##########", "PL": "#####/##/####",
    "PT": "@@-###### #", "RO": "@########@", "SK": "@#######", "US": "@#######", "FI": "", "SE": "", "EE": "@@######",
    "LV": "AF######", "SI": "#########", "LU": "######", "CY": "#########", "MT": "######", "NO": "## ## ###### #",
    "IS": "#########",
}  # fmt: skip
_NUMERIC: Final = {
    "BE": "056", "BG": "100", "CH": "756", "CY": "196", "CZ": "203", "DK": "208", "EE": "233", "ES": "724", "FI": "246",
    "GR": "300", "HR": "191", "IE": "372", "IS": "352", "IT": "380", "LT": "440", "LU": "442", "LV": "428", "MT": "470",
    "NL": "528", "NO": "578", "PL": "616", "PT": "620", "RO": "642", "SE": "752", "SI": "705", "SK": "703", "US": "372",
}  # fmt: skip
"""ISO 3166 numeric codes, with which the number of a European Health Insurance Card goes on after 80."""
_TRANSLITERATED: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_MAKERS: Final = ("WVW", "WBA", "WDB", "VF1", "VF3", "ZFA", "TMB", "YV1", "SAL", "VSS", "TRU", "1HG")


def passport(draw: Draw) -> Value:
    if draw.country == "DE":  # ICAO 9303's check digit is the tenth character, which most people leave out
        return Value(draw.random.choice("CFGHJK") + draw.letters(8, "0123456789CFGHJKLMNPRTVWXYZ"))
    return Value(draw.fill(_PASSPORTS[draw.country]))


def licence(draw: Draw) -> Value:
    shape = _LICENCES[draw.country]
    if not shape:  # the number of the licence is the person's
        return Value(FORMS[draw.country][0].value(draw).text)
    return Value(draw.fill(shape))


def health_insurance(draw: Draw) -> Value:
    """The number that the country's health system knows a person by; elsewhere, that of the European card."""
    if draw.country == "DE":
        letter = draw.fill("@")
        body = draw.fill("########")
        spelled = f"{ord(letter) - 64:02}{body}"
        # Weights 1 and 2 from the left; the digit sum of each product; modulo 10 is the check digit (GKV-Spitzenverband).
        total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(spelled))
        return Value(f"{letter}{body}{total % 10}", "Versichertennummer")
    if draw.country == "GB":
        return Value(
            regroup(draw.checked("##########", nhs.is_valid), draw.random.choice(("3 3 4", "", "3-3-4"))), "NHS number"
        )
    if draw.country == "HU":
        body = draw.fill("########")
        check = sum(int(digit) * (7 if place % 2 else 3) for place, digit in enumerate(body)) % 10
        return Value(regroup(f"{body}{check}", draw.random.choice(("3 3 3", "", "3-3-3"))), "TAJ szám")
    if draw.country in ("AT", "FR"):
        return FORMS[draw.country][0].value(draw)
    body = draw.fill(f"80{_NUMERIC[draw.country]}##############")
    return Value(body + luhn.calc_check_digit(body), "EHIC")


def vehicle(draw: Draw) -> Value:
    """A vehicle identification number with its check digit (ISO 3779, 49 CFR 565): required in North America, usual elsewhere."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    body = draw.random.choice(_MAKERS) + draw.letters(5, letters) + "0" + draw.letters(2, letters) + draw.fill("######")
    total = sum(weight * (_TRANSLITERATED.get(c) or int(c)) for c, weight in zip(body, _VIN_WEIGHTS, strict=True))
    return Value(body[:8] + "0123456789X"[total % 11] + body[9:])
