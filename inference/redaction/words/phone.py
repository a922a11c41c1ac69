"""Words that announce a telephone number: what it is called, and what one is asked to do with it."""

from __future__ import annotations

from typing import Final

from ..context import spelled
from ..shadow import cast
from . import Table, words_of

TABLE: Final[Table] = {
    "bg": "тел; телефон*; мобилен*; мобилно*; gsm номер; джиесем",
    "cs": "tel; telefon*; mobil*",
    "da": "tlf; telefon*; mobil*",
    "de": "tel; telefon*; mobil*; handy*; rufnummer*; rückruf*; durchwahl*; mobilfunk*",
    "el": "τηλ; τηλέφων*; κινητ*",
    "en": "tel; telephon*; phone*; mobile; mobiles; cell; cellphone*; cellular*; fax; faks; hotline; contact number; contact no; "
    "msisdn",
    "es": "tel; teléfon*; telefon*; móvil*; celular*; tfno; tlfno",
    "et": "tel; telefon*; mobiil*",
    "fi": "puh; puhelin*; matkapuh*; kännykk*; gsm",
    "fr": "tél; téléphon*; telephon*; portable; mobile; télécopie",
    "ga": "fón; guthán*; teileafón*",
    "hr": "tel; telefon*; mob; mobitel*; mobil*",
    "hu": "tel; telefon*; mobil*",
    "it": "tel; telefon*; cellular*; cell; mobile",
    "lt": "tel; telefon*; mob; mobil*",
    "lv": "tālr; tālrun*; mob; mobil*; telefon*",
    "mt": "tel; telefown*; mowbajl*; mobajl*",
    "nl": "tel; telefoon*; mobiel*; gsm",
    "pl": "tel; telefon*; kom; komórk*; mobil*",
    "pt": "tel; telefon*; telemóve*; telem; celular*; tlm",
    "ro": "tel; telefon*; mobil*",
    "sk": "tel; telefón*; telefon*; mobil*",
    "sl": "tel; telefon*; gsm; mobi; mobitel*; mobil*",
    "sv": "tel; telefon*; mobil*; tfn",
    "no": "tlf; telefon*; mobil*",
    "is": "sími; síma; símanúm*; farsím*; gsm",
}
ASKED_TABLE: Final[Table] = {
    "bg": "обадете*; обади ми; номерът ми",
    "cs": "zavolej*; volejte; číslo je",
    "da": "ring på; ring til; ring; nummer er",
    "de": "ruf mich; rufen sie; rufe mich; anrufen unter; nummer ist; nummer lautet; erreichbar unter; erreichen sie; kontakt*",
    "el": "καλέστε; αριθμός μου",
    "en": "call me; call us; text me; text us; ring me; ring us; reach me; reach us; number is; whatsapp; viber; contact; dial; "
    "contact me; contact us",
    "es": "llám*; llama; llame; llamen; llamar; número es; contact*",
    "et": "helista*; number on",
    "fi": "soita*; soitta*; numeroni on",
    "fr": "appelez*; appeler; rappelez*; rappeler; joindre; joignable; numéro est; contactez*; contact",
    "ga": "glaoigh; cuir glao",
    "hr": "nazovi*; zovite; broj je",
    "hu": "hívj*; hívhat*; számom",
    "it": "chiama*; chiamare; numero è; contatt*",
    "lt": "skambin*; numeris yra",
    "lv": "zvani*; numurs ir",
    "mt": "ċempil*",
    "nl": "bel; bel me; bel ons; nummer is; bereikbaar op",
    "pl": "zadzwo*; numer to; kontakt*",
    "pt": "ligue; ligar; contacte*; contactar; número é; contato",
    "ro": "suna; sunați*; sunati*; contactați*; numărul meu",
    "sk": "zavolaj*; volajte; číslo je",
    "sl": "pokliči*; številka je",
    "sv": "ring; ring på; nummer är; numret är; nå mig på",
    "no": "ring; nummer er; nummeret er",
    "is": "hring*; númerið er",
}
PHONE_NAMES: Final = words_of(TABLE)
PHONE_CUES: Final = words_of(TABLE, ASKED_TABLE)
_LONGEST: Final = 8


def _fragments() -> str:
    """An expression of the ends of all of them as a shadow has them, none longer than `_LONGEST`: rare enough for a scanner, and
    short enough for a number and what stands before it to lie in one zone."""
    ends = {
        cast(entry.strip().rstrip("*")).text.lower()[-_LONGEST:]
        for table in (TABLE, ASKED_TABLE)
        for row in table.values()
        for entry in row.split(";")
    }
    kept = sorted(end for end in ends if not any(end != other and end.endswith(other) for other in ends))
    return "|".join("[ _-]".join(map(spelled, end.split(" "))) for end in kept)


FRAGMENT: Final = f"(?:{_fragments()})"
