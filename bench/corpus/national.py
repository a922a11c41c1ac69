"""National identifiers of the EU, EFTA, the United Kingdom and the United States, as they are written.

Valid ones only, by python-stdnum; where it has no module, by the rule given here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stdnum import luhn, verhoeff
from stdnum.at import tin as at_tin
from stdnum.at import vnr
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.ch import ssn as ahv
from stdnum.cy import vat as cy_tic
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nif as fr_nif
from stdnum.fr import nir
from stdnum.gb import utr
from stdnum.gr import amka
from stdnum.gr import vat as afm
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.is_ import kennitala
from stdnum.it import codicefiscale
from stdnum.lt import asmens
from stdnum.lv import pvn
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import nip, pesel
from stdnum.pt import cc
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.si import emso
from stdnum.us import ssn

from .draw import Draw, Value


def _adojel(value: str) -> bool:
    """HU tax identifier of a person: the sum of digits times their places modulo 11 is the tenth digit."""
    return sum(place * int(digit) for place, digit in enumerate(value[:9], 1)) % 11 == int(value[9])


def _matricule(value: str) -> bool:
    """LU: a Luhn digit and a Verhoeff digit, both over the first eleven."""
    return bool(luhn.is_valid(value[:12]) and verhoeff.is_valid(value[:11] + value[12]))


def _nino(value: str) -> bool:
    first, second = value[0], value[1]
    return (
        first not in "DFIQUV"
        and second not in "DFIQUVO"
        and value[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
    )


def _codice_fiscale(draw: Draw) -> str:
    """IT: the shape of the code of the person that the document is about (decree of 23 December 1976)."""
    last, first = (
        "".join(c for c in unicodedata.normalize("NFD", name.upper()) if "A" <= c <= "Z")
        for name in (draw.last, draw.first)
    )

    def three(name: str, skipped: int = 0) -> str:
        consonants = [c for c in name if c not in "AEIOU"]
        if len(consonants) > 3 and skipped:
            del consonants[skipped]
        return ("".join([*consonants, *(c for c in name if c in "AEIOU")]) + "XXX")[:3]

    month = draw.random.choice("ABCDEHLMPRST")
    day = draw.random.randrange(1, 29) + draw.random.choice((0, 40))
    town = draw.random.choice("ABCDEFGHIL") + draw.fill("###")
    return f"{three(last)}{three(first, 1)}{{y}}{month}{day:02}{town}@"


def _anything(value: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Form:
    """A national number of one kind.

    `shape` is its compact form (see `Draw.checked`; empty for the one that is made of a name), `label` what it is called.
    `written` says how it is grouped, the usual way first: how many characters to take and what goes between (``"2 3 3 3"``,
    ``"6-4"``).
    """

    name: str
    shape: str
    valid: Callable[[str], bool]
    label: str
    written: tuple[str, ...] = ("",)

    def value(self, draw: Draw) -> Value:
        compact = draw.checked(self.shape or _codice_fiscale(draw), self.valid)
        form = self.written[0] if draw.chance(0.7) else draw.random.choice(self.written)
        return Value(regroup(compact, form), self.label)


def regroup(compact: str, form: str) -> str:
    """``regroup("12345678901", "2 3 3 3")`` is ``12 345 678 901``; an empty form leaves it as it is."""
    pieces, done, size = [], 0, ""
    for character in form:
        if character.isdigit():
            size += character
            continue
        if size:
            pieces.append(compact[done : done + int(size)])
            done, size = done + int(size), ""
        pieces.append(character)
    return "".join(pieces) + compact[done:]


FORMS: Final[dict[str, tuple[Form, ...]]] = {
    "AT": (
        Form("vnr", "####{d}{m}{y}", vnr.is_valid, "SVNR", ("4 6", "")),
        Form("tin", "#########", at_tin.is_valid, "Abgabenkontonummer", ("2-3/4", "2 3/4")),
    ),
    "BE": (Form("nn", "{y}{m}{d}#####", nn.is_valid, "Rijksregisternummer", ("2.2.2-3.2", "")),),
    "BG": (Form("egn", "{y}{m}{d}####", egn.is_valid, "ЕГН"),),
    "CH": (Form("ahv", "756##########", ahv.is_valid, "AHV-Nummer", ("3.4.4.2", "")),),
    "CY": (Form("tic", "0#######@", cy_tic.is_valid, "ΑΦΤ"),),
    "CZ": (Form("rc", "{y}{m}{d}####", rc.is_valid, "Rodné číslo", ("6/4", "")),),
    "DE": (Form("idnr", "###########", idnr.is_valid, "Steuer-ID", ("2 3 3 3", "")),),
    "DK": (Form("cpr", "{d}{m}{y}####", cpr.is_valid, "CPR-nr.", ("6-4", "")),),
    "EE": (Form("ik", "3{y}{m}{d}####", ik.is_valid, "Isikukood"),),
    "ES": (
        Form("dni", "########@", dni.is_valid, "DNI", ("", "8-1", "2.3.3-1")),
        Form("nie", "X#######@", nie.is_valid, "NIE", ("", "1-7-1")),
    ),
    "FI": (Form("hetu", "{d}{m}{y}-###*", hetu.is_valid, "Henkilötunnus"),),
    "FR": (
        Form("nir", "1{y}{m}75########", nir.is_valid, "N° de sécurité sociale", ("1 2 2 2 3 3 2", "", "13 2")),
        Form("spi", "0############", fr_nif.is_valid, "Numéro fiscal", ("2 2 3 3 3", "")),
    ),
    "GB": (
        Form("nino", "@@######A", _nino, "National Insurance number", ("2 2 2 2 1", "")),
        Form("utr", "##########", utr.is_valid, "UTR", ("5 5", "")),
    ),
    "GR": (
        Form("amka", "{d}{m}{y}#####", amka.is_valid, "ΑΜΚΑ"),
        Form("afm", "1########", afm.is_valid, "ΑΦΜ"),
    ),
    "HR": (Form("oib", "###########", oib.is_valid, "OIB"),),
    "HU": (Form("adojel", "8#########", _adojel, "Adóazonosító jel"),),
    "IE": (Form("pps", "#######@@", pps.is_valid, "PPS number", ("", "7 2")),),
    "IS": (Form("kennitala", "{d}{m}{y}####", kennitala.is_valid, "Kennitala", ("6-4", "")),),
    "IT": (Form("cf", "", codicefiscale.is_valid, "Codice fiscale"),),
    "LT": (Form("asmens", "3{y}{m}{d}####", asmens.is_valid, "Asmens kodas"),),
    "LU": (Form("matricule", "{Y}{m}{d}#####", _matricule, "Matricule", ("", "4 2 2 5")),),
    "LV": (Form("kods", "{d}{m}{y}1####", pvn.is_valid, "Personas kods", ("6-5", "")),),
    "MT": (Form("id", "0######M", _anything, "Numru tal-karta tal-identità"),),
    "NL": (Form("bsn", "#########", bsn.is_valid, "BSN", ("", "4.2.3", "3 3 3")),),
    "NO": (Form("fnr", "{d}{m}{y}#####", fodselsnummer.is_valid, "Fødselsnummer", ("6 5", "")),),
    "PL": (
        Form("pesel", "{y}{m}{d}#####", pesel.is_valid, "PESEL"),
        Form("nip", "##########", nip.is_valid, "NIP", ("3-3-2-2", "")),
    ),
    "PT": (
        Form("nif", "2########", pt_nif.is_valid, "NIF", ("", "3 3 3")),
        Form("cc", "#########@@#", cc.is_valid, "Cartão de Cidadão", ("8 1 3", "")),
    ),
    "RO": (Form("cnp", "1{y}{m}{d}######", cnp.is_valid, "CNP"),),
    "SE": (Form("pnr", "{y}{m}{d}####", personnummer.is_valid, "Personnummer", ("6-4", "")),),
    "SI": (Form("emso", "{d}{m}9##50####", emso.is_valid, "EMŠO"),),
    "SK": (Form("rc", "{y}{m}{d}####", rc.is_valid, "Rodné číslo", ("6/4", "")),),
    "US": (Form("ssn", "#########", ssn.is_valid, "SSN", ("3-2-4",)),),
}
"""By ISO 3166 country code."""


def national(draw: Draw) -> Value:
    return draw.random.choice(FORMS[draw.country]).value(draw)
