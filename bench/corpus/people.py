"""People: names, addresses and telephone numbers of a country (Faker), e-mail addresses and dates of birth."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from .draw import Draw, Value

_MOBILES: Final = {
    # International, then national: `Draw.fill` shapes of numbers that the country's plan has.
    "AT": ("+43 664 #######", "0664 #######"), "BE": ("+32 47# ## ## ##", "047# ## ## ##"),
    "BG": ("+359 88 ### ####", "088 ### ####"), "CH": ("+41 79 ### ## ##", "079 ### ## ##"),
    "CY": ("+357 99 ######", "99 ######"), "CZ": ("+420 60# ### ###", "60# ### ###"),
    "DE": ("+49 151 ########", "0151 ########"), "DK": ("+45 2# ## ## ##", "2# ## ## ##"),
    "EE": ("+372 5### ####", "5### ####"), "ES": ("+34 61# ### ###", "61# ## ## ##"),
    "FI": ("+358 40 ### ####", "040 ### ####"), "FR": ("+33 6 ## ## ## ##", "06 ## ## ## ##"),
    "GB": ("+44 7700 900###", "07700 900###"), "GR": ("+30 69# ### ####", "69# ### ####"),
    "HR": ("+385 91 ### ####", "091 ### ####"), "HU": ("+36 20 ### ####", "06 20 ### ####"),
    "IE": ("+353 87 ### ####", "087 ### ####"), "IS": ("+354 6## ####", "6## ####"), "IT": ("+39 34# ### ####", "34# #######"),
    "LT": ("+370 612 #####", "8 612 #####"), "LU": ("+352 621 ### ###", "621 ### ###"), "LV": ("+371 29 ### ###", "29 ### ###"),
    "MT": ("+356 79## ####", "79## ####"), "NL": ("+31 6 ########", "06-########"), "NO": ("+47 4## ## ###", "4## ## ###"),
    "PL": ("+48 60# ### ###", "60# ### ###"), "PT": ("+351 91# ### ###", "91# ### ###"),
    "RO": ("+40 72# ### ###", "072# ### ###"), "SE": ("+46 70 ### ## ##", "070-### ## ##"),
    "SI": ("+386 41 ### ###", "041 ### ###"), "SK": ("+421 90# ### ###", "090# ### ###"),
    "US": ("+1 212 555 01##", "(212) 555-01##"),
}  # fmt: skip
_MONTHS: Final = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "el": "Ιανουαρίου Φεβρουαρίου Μαρτίου Απριλίου Μαΐου Ιουνίου Ιουλίου Αυγούστου Σεπτεμβρίου Οκτωβρίου Νοεμβρίου Δεκεμβρίου",
    "bg": "януари февруари март април май юни юли август септември октомври ноември декември",
}
_NO_PHONES: Final = frozenset(("EE", "IE", "IS"))
"""Countries for which Faker has telephone numbers of another country only."""
_PLACES: Final = {
    # Streets, a postal code and towns of the countries for which Faker has only American addresses.
    "BG": (
        "ул. Васил Левски|бул. Цар Борис III|ул. Раковски|ж.к. Младост 1, ул. Резньовете",
        "####",
        "София|Пловдив|Варна",
    ),
    "EE": ("Pärnu mnt|Tartu maantee|Kreutzwaldi tn|Lossi", "#####", "Tallinn|Tartu|Narva"),
    "IS": ("Laugavegur|Hverfisgata|Skólavörðustígur", "###", "Reykjavík|Akureyri|Kópavogur"),
    "LT": ("Gedimino pr.|Vytauto g.|Laisvės al.|Šilutės pl.", "LT-#####", "Vilnius|Kaunas|Klaipėda"),
    "LV": ("Brīvības iela|Krišjāņa Barona iela|Lāčplēša iela", "LV-####", "Rīga|Daugavpils|Liepāja"),
}
_YEAR_FIRST: Final = frozenset(("hu", "lt", "sv"))
_TOWN_FIRST: Final = frozenset(("GB", "IE", "MT", "US"))
_HOSTS: Final = ("example.com", "example.org", "mail.example.eu", "posta.example", "web.example.net")


def name(draw: Draw) -> Value:
    return Value(f"{draw.first} {draw.last}")


def other_name(draw: Draw) -> Value:
    return Value(f"{draw.fake.first_name()} {draw.fake.last_name()}")


def address(draw: Draw) -> Value:
    """On one line: street and number, postal code and town in the country's order."""
    if draw.country in _PLACES:
        streets, code, towns = _PLACES[draw.country]
        street, town = draw.random.choice(streets.split("|")), draw.random.choice(towns.split("|"))
        number = draw.random.randrange(1, 180)
        return Value(
            f"{street} {number}, {town}, {draw.fill(code)}"
            if draw.country == "LV"
            else f"{street} {number}, {draw.fill(code)} {town}"
        )
    street, code, town = draw.fake.street_address().replace("\n", ", "), draw.fake.postcode(), draw.fake.city()
    return Value(f"{street}, {town} {code}" if draw.country in _TOWN_FIRST else f"{street}, {code} {town}")


def phone(draw: Draw) -> Value:
    """Half from Faker, half from the country's plan; two in three of these international."""
    if draw.country not in _NO_PHONES and draw.chance(0.5):
        for _ in range(20):
            made = draw.fake.phone_number()
            if 8 <= len(re.sub(r"\D", "", made)) <= 14 and not re.search("[A-Za-z]", made):
                return Value(made)
    international, national = _MOBILES[draw.country]
    return Value(draw.fill(international if draw.chance(0.65) else national))


def email(draw: Draw) -> Value:
    first, last = (_plain(part) for part in (draw.first, draw.last))
    form = draw.random.randrange(4)
    local = (
        f"{first}.{last}",
        f"{first[:1]}{last}",
        f"{first}_{last[:1]}{draw.fill('##')}",
        f"{last}+{draw.letters(4).lower()}",
    )[form]
    return Value(f"{local}@{draw.random.choice(_HOSTS)}")


def birth(draw: Draw) -> Value:
    born = draw.birth()
    form = draw.random.randrange(5)
    months = _MONTHS.get(draw.language)
    if form == 0 and months:
        month = months.split()[born.month - 1]
        between = {"es": " de ", "pt": " de ", "de": ". ", "da": ". "}.get(draw.language, " ")
        after = {"es": " de ", "pt": " de "}.get(draw.language, " ")
        return Value(f"{born.day}{between}{month}{after}{born.year}")
    if form == 1 or draw.language in _YEAR_FIRST:
        return Value(f"{born:%Y-%m-%d}")
    if form == 2:
        return Value(
            f"{born.day}.{born.month}.{born.year}" if draw.language not in ("en", "ga") else f"{born:%d/%m/%Y}"
        )
    separator = (
        "."
        if draw.language in ("bg", "cs", "da", "de", "et", "fi", "hr", "lv", "pl", "ro", "sk", "sl", "nb", "is")
        else "/"
    )
    return Value(f"{born:%d}{separator}{born:%m}{separator}{born:%Y}")


def _plain(word: str) -> str:
    """A name as it stands in an e-mail address."""
    greek = "αβγδεζηθικλμνξοπρστυφχψως", "avgdezitiklmnxoprstyfcpos"
    cyrillic = "абвгдежзийклмнопрстуфхцчшщъьюя", "abvgdejziiklmnoprstufhccssayua"
    table = {ord(a): b for letters in (greek, cyrillic) for a, b in zip(*letters, strict=True)}
    bare = "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c)).translate(
        table
    )
    return re.sub("[^a-z]", "", bare) or "post"
