"""Words that announce a VAT number, in the official languages of the EU, EFTA and the United Kingdom, by country."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Final

from ...context import Words

ANY_COUNTRY: Final = Words(
    "vat", "vatin", "vies", "tax id", "tax no", "tax nr", "tax number", "tax reg", "tax registration", "tax identification",
    "taxpayer id", stems=("vatid", "vatno", "vatnr", "vatnum", "vatreg", "taxid", "taxno", "taxnum"),
)  # fmt: skip
"""English and Maltese ("tal-VAT"), and what everybody writes to foreigners: they announce the number of any country."""

_GERMAN: Final = Words(
    "ust", "u st", "UStId", "umsatzsteuer id", "umsatzsteuer identifikationsnummer", "uid nr", "uid nummer", "mwst", "MwSt",
    "MwStNr", stems=("ustid", "ustnr", "umsatzsteueridentifikation", "umsatzsteuernummer", "uidn", "mwstn", "mehrwertsteuern"),
)  # fmt: skip
_FRENCH: Final = Words("tva", "t v a", "intracommunautaire", stems=("tvaintra", "numtva", "notva"))
_DUTCH: Final = Words("btw", "b t w", stems=("btwn", "btwid", "omzetbelastingn"))
_BELGIAN: Final = Words(
    "numéro d'entreprise", "n d'entreprise", "bce", "kbo", stems=("ondernemingsn", "unternehmensn", "mwstn")
)
_ITALIAN: Final = Words(
    "iva", "i v a", "p i", "piva", "codice fiscale", "cod fisc", "cod fiscale", stems=("partitaiva", "codicefiscale")
)
_IBERIAN: Final = Words("nif", "n i f", "nif iva", "iva", "i v a", stems=("nifiva", "nifn"))
_SPANISH: Final = Words("cif", "c i f", "identificación fiscal")
_PORTUGUESE: Final = Words("nipc", "n i p c", "contribuinte", "núm fiscal", "número fiscal", "n fiscal")
_ROMANIAN: Final = Words("cif", "c i f", "cui", "c u i", "cod fiscal", "identificare fiscală", "tva", "cod unic")
_CZECHOSLOVAK: Final = Words("dič", "dph", "ič dph", "daňové identifikační číslo", stems=("dičn",))
_DANISH: Final = Words("cvr", "se nr", "se nummer", stems=("moms", "cvrn"))
_SWEDISH: Final = Words("vat nr", stems=("moms",))
_FINNISH: Final = Words("alv", "y tunnus", "ytunnus", stems=("alvn", "alvt", "arvonlisäver", "moms"))
_POLISH: Final = Words("nip", "n i p", "vat ue", "ptu", "identyfikacji podatkowej")
_ESTONIAN: Final = Words("kmkr", "kmk", "kmkn", stems=("käibemaks", "kaibemaks"))
_LATVIAN: Final = Words("pvn", "pievienotās vērtības nodokļa")
_LITHUANIAN: Final = Words("pvm", "pridėtinės vertės mokesčio", stems=("pvmk",))
_HUNGARIAN: Final = Words("áfa", "afa", stems=("adószám", "adoszam", "áfaszám"))
_SLOVENE: Final = Words("ddv", "davčna številka", "davčna št", "id za ddv", stems=("iddv",))
_CROATIAN: Final = Words("pdv", "oib", "pdv id", stems=("pdvid", "oibn"))
_BULGARIAN: Final = Words("ддс", "зддс", "ин по зддс", "еик", "булстат", "eik", "bulstat", "dds")
_GREEK: Final = Words("αφμ", "α φ μ", "φπα", "φ π α", "afm", "a f m", "fpa")
_IRISH: Final = Words("cbl", "cáin bhreisluacha", "cáin bhreisluach", stems=("breisluach",))
_NORWEGIAN: Final = Words("mva", stems=("mvan", "merverdiavgift"))
_ICELANDIC: Final = Words("vsk nr", "vsk númer", "vsknr", "vsk no", stems=("vsknúmer", "vsknumer", "virðisaukaskattsn"))
_LIECHTENSTEIN: Final = Words(
    "mwst nr", "MwSt nr", "MwStNr", "mwst nummer", "MwSt nummer", stems=("mwstn", "mehrwertsteuern")
)

BY_COUNTRY: Final[dict[str, Words]] = {
    country: reduce(or_, sets, ANY_COUNTRY)
    for country, sets in {
        "AT": (_GERMAN, Words("uid")),
        "BE": (_DUTCH, _FRENCH, _BELGIAN, _GERMAN),
        "BG": (_BULGARIAN,),
        "CH": (_GERMAN, _FRENCH, _ITALIAN),
        "CY": (_GREEK,),
        "CZ": (_CZECHOSLOVAK,),
        "DE": (_GERMAN,),
        "DK": (_DANISH,),
        "EE": (_ESTONIAN,),
        "EL": (_GREEK,),
        "ES": (_IBERIAN, _SPANISH),
        "FI": (_FINNISH,),
        "FR": (_FRENCH,),
        "GB": (),
        "HR": (_CROATIAN,),
        "HU": (_HUNGARIAN,),
        "IE": (_IRISH,),
        "IS": (_ICELANDIC,),
        "IT": (_ITALIAN,),
        "LI": (_LIECHTENSTEIN,),
        "LT": (_LITHUANIAN,),
        "LU": (_FRENCH, _GERMAN),
        "LV": (_LATVIAN,),
        "MT": (),
        "NL": (_DUTCH,),
        "NO": (_NORWEGIAN,),
        "PL": (_POLISH,),
        "PT": (_IBERIAN, _PORTUGUESE),
        "RO": (_ROMANIAN,),
        "SE": (_SWEDISH,),
        "SI": (_SLOVENE,),
        "SK": (_CZECHOSLOVAK,),
        "XI": (),
    }.items()
}
"""What announces the number of a country that stands there without its prefix."""

ANY: Final = reduce(or_, BY_COUNTRY.values())
"""What announces a number that names its country itself."""

OTHERWISE: Final = Words(
    "sku", "isbn", "issn", "ean", "gtin", "upc", "asin", "imei", "part", "item", "model", "build", "tel", "fax", "gsm", "phone",
    "handy", "iban", "bic", "swift", "plz", "zip", "pid", "patent", "bug", "issue", "case", "lot", "batch", "version", "amount",
    "total", "sum", "betrag", "bedrag", "totaal", "totale", "montant", "importo", "importe", "belopp", "incl", "inkl",
    stems=(
        "order", "bestell", "auftrag", "rechnung", "invoice", "factur", "fattur", "pedido", "commande", "ordine", "zamówien",
        "ticket", "referen", "référen", "artik", "articl", "artícul", "serie", "serial", "tracking", "sendung", "kunden",
        "konto", "kontonummer", "account", "vertrag", "contrat", "contract", "akten", "commit", "telef", "teleph", "tlf",
        "mobil", "puh", "product", "produkt", "customer", "client", "parcel", "shipment", "objednáv", "narudž", "tilau",
        "bestill", "beställ", "ordre", "bestel",
    ),
)  # fmt: skip
"""What says that a number is something else: an order, an article, a telephone, an amount."""

NUMBER: Final = Words(
    "no", "nr", "n", "id", "num", "number", "nummer", "numero", "número", "numéro", "numer", "reg", "registration", "code",
    "kod", "cod", "kood", "kods", "kodas", "identifikationsnummer", "nif", "n i f", "nip", "n i p", "nipc", "cif", "c i f",
    "cui", "c u i", "cvr", "uid", "oib", "afm", "a f m", "p iva", "partita iva", "piva", "kmkr", "dič", "ič dph", "contribuinte",
    "eik", "bulstat", "ин", "intracommunautaire", "númer",
    stems=(
        "numb", "numm", "numur", "vsknúmer", "vsknumer", "vsknr", "virðisaukaskattsn", "adószám", "szám", "tunn", "ustid",
        "vatid", "vatn", "btwn", "številk", "čísl", "înregistr", "registr",
    ),
)  # fmt: skip
"""What says that not the tax itself is meant but a number for it."""

# As they are in the shadow, in lower case. A dot stands for a letter above ASCII, whose case the scanner does not fold.
_SHORT: Final = r"""
    vat tva t\.v\.a btw b\.t\.w ust u\.?st\. mwst uid iva i\.v\.a p\.?i\. p\.\x20i\. piva nif n\.i\.f nipc n\.i\.p\.c cif c\.i\.f
    cui c\.u\.i nip n\.i\.p ptu dic dph mva cvr alv kmkr kmk pvn pvm .fa afa ddv pdv oib z?dds eik afm a\.f\.m fpa f\.p\.a cbl
    vsk bce kbo tax vies se.n[ru]
"""
_LONG: Final = r"""
    umsatzsteuer mehrwertsteuer moms omzetbelasting ondernemingsn entreprise unternehmensn codice.fisc cod\.?.fisc contribuinte
    cod.unic identificare identificaci intracom partita.iva y.?tunnus arvonlis podatkow k.ibemaks v.rt.bas mokes.io ad.sz.m
    davcn danov bulstat breisluach merverdi vir.isauk
"""
_SHORT_LABEL: Final = rf"(?i:{'|'.join(_SHORT.split())})(?:[^A-Za-z]|(?i:id|n[rou]|reg|in\b|ue))"
_LONG_LABEL: Final = rf"(?i:{'|'.join(_LONG.split())})"
_HUMP: Final = "[a-z](?:Vat|VAT|Tva|Btw|Iva|Nif|Cif|Nip|Dic|Moms|Uid|Ust|Tax)[A-Z_]"
"""One inside a name in camelCase."""
LABELS: Final = (_SHORT_LABEL, _LONG_LABEL)
"""The scanner's expressions for the words that may announce a number without prefix; `BY_COUNTRY` then decides."""
LABELS_AHEAD: Final = (*(rf"(?:^|[^A-Za-z]){label}" for label in LABELS), _HUMP)
"""The same where a word begins."""
