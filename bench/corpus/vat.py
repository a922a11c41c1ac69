"""VAT numbers of the 27 EU states, the United Kingdom, Switzerland and Norway, valid by python-stdnum."""

from __future__ import annotations

from typing import Final

from stdnum.ch import vat as ch_vat
from stdnum.eu import vat as eu_vat
from stdnum.fr import siren, tva
from stdnum.gb import vat as gb_vat
from stdnum.no import mva

from .draw import Draw, Value
from .national import regroup

_SHAPES: Final = {
    # The compact number, and how else it is written: sizes of its groups.
    "AT": ("ATU########", ""), "BE": ("BE0#########", "2 4.3.3"), "BG": ("BG#########", "2 9"), "CY": ("CY1#######@", "2 8 1"),
    "CZ": ("CZ########", "2 8"), "DE": ("DE#########", "2 3 3 3"), "DK": ("DK########", "2 2 2 2 2"), "EE": ("EE10#######", "2 9"),
    "GR": ("EL#########", "2 9"), "ES": ("ESB########", "2 9"), "FI": ("FI########", "2 8"), "HR": ("HR###########", "2 11"),
    "HU": ("HU########", "2 8"), "IE": ("IE#######@", "2 8"), "IT": ("IT###########", "2 11"), "LT": ("LT#######1#", "2 9"),
    "LU": ("LU########", "2 8"), "LV": ("LV4##########", "2 11"), "MT": ("MT########", "2 8"), "NL": ("NL#########B01", "2 9 3"),
    "PL": ("PL##########", "2 3 3 2 2"), "PT": ("PT5########", "2 3 3 3"), "RO": ("RO########", "2 8"),
    "SE": ("SE##########01", "2 6-4 2"), "SI": ("SI########", "2 8"), "SK": ("SK2#########", "2 10"),
}  # fmt: skip
_LABELS: Final = {
    "AT": "UID-Nummer", "BE": "BTW-nummer", "BG": "ДДС номер", "CH": "MWST-Nr.", "CY": "ΦΠΑ", "CZ": "DIČ", "DE": "USt-IdNr.",
    "DK": "SE-nr.", "EE": "KMKR", "ES": "NIF-IVA", "FI": "ALV-numero", "FR": "N° TVA", "GB": "VAT number", "GR": "Αριθμός ΦΠΑ",
    "HR": "PDV ID broj", "HU": "Közösségi adószám", "IE": "VAT number", "IT": "Partita IVA", "LT": "PVM kodas", "LU": "N° TVA",
    "LV": "PVN numurs", "MT": "VAT number", "NL": "BTW-nummer", "NO": "MVA-nummer", "PL": "NIP UE", "PT": "NIPC",
    "RO": "Cod TVA", "SE": "Momsregistreringsnummer", "SI": "ID za DDV", "SK": "IČ DPH", "IS": "VSK", "US": "VAT number",
}  # fmt: skip


def vat(draw: Draw) -> Value:
    country = draw.country
    label = _LABELS[country]
    if country == "FR":
        number = draw.checked("#########", siren.is_valid)
        compact = f"FR{(12 + 3 * (int(number) % 97)) % 97:02}{number}"
        if not tva.is_valid(compact):
            raise ValueError("the rule for French VAT numbers disagrees with python-stdnum")
        return Value(regroup(compact, draw.random.choice(("", "2 2 3 3 3"))), label)
    if country in ("GB", "US"):
        compact = draw.checked("GB#########", gb_vat.is_valid)
        return Value(regroup(compact, draw.random.choice(("", "2 3 4 2"))), label)
    if country == "CH":
        compact = draw.checked("CHE#########MWST", ch_vat.is_valid)
        return Value(regroup(compact, "3-3.3.3 "), label)
    if country in ("NO", "IS"):
        return Value(regroup(draw.checked("NO#########MVA", mva.is_valid), "2 3 3 3 "), label)
    shape, written = _SHAPES[country]
    compact = draw.checked(shape, eu_vat.is_valid)
    return Value(regroup(compact, written if draw.chance(0.35) else ""), label)
