"""Words around addresses: what announces one, and what looks like a town or a street and is none."""

from __future__ import annotations

from typing import Final

from ..context import Words
from .vocabulary import fold, word_set

LIVES: Final = Words(
    *fold(
        "live at|lives at|living at|lived at|residing at|resides at|resident at|located at|ship to|deliver to|"
        "address|wohne in|wohnt in|wohnen in|wohne|wohnt|wohnhaft|wohnhaft in|adresse|anschrift|lieferung an|"
        "habite|habite au|j'habite|demeurant|domicilié|domiciliée|adresse postale|abito in|abita in|residente in|"
        "indirizzo|domiciliato in|vivo en|vive en|domicilio|dirección|residente en|moro na|mora na|moro em|"
        "mora em|moro no|residente na|morada|"
        "endereço|woon|woont|woonachtig|adres|bor på|bor|adress|asun|osoite|elan|aadress|dzīvo|adrese|gyvena|"
        "adresas|mieszkam|mieszka|zamieszkały|zamieszkała|bydlím|bydliště|adresa|bývam|bydlisko|lakik|lakcím|cím|"
        "locuiesc|domiciliat|живея|живее|адрес|μένω|διεύθυνση|stanujem|stanuje|naslov|seoladh|indirizz"
    ),
    stems=("adresse", "anschrift", "wohnadresse"),
)
"""Words after which a street is where someone lives, in the official languages of the Union."""

NO_TOWN: Final = word_set(
    """
    Euro Eur Euros Usd Dollar Dollars Franken Kronen Kr Zl Pln Uhr Stück Teile Seiten Menschen Personen Einwohner Kunden Mitarbeiter
    Jahre Tage Stunden Minuten Meter Kilometer Km Kg Gb Mb Kb Tb Mhz Ghz Watt Kwh Volt Bytes Bits Pixel Punkte Mal People Users
    Items Points Words Version Edition Season World Cup Olympics Annual Report Act Summer Winter Q Copyright Bc Ad Ce
    """
)
"""Words after a number that make it an amount or a year."""

NO_STREET: Final = word_set(
    """
    Table Figure Fig Chapter Section Page Pages Line Lines Item Items Total Version Step Part Volume Vol Row Column Tabelle
    Abbildung Kapitel Abschnitt Seite Zeile Teil Band Artikel Article Art Paragraph Tel Telefon Phone Fax Order Invoice Rechnung
    Bestellung Nr No Room Zimmer Bus Gate Flight Train Zug Gleis Level Score Issue Bug Ticket Port Python Windows Java
    """
)
"""Words before a number that make it no house's."""

STREET_BEGINS: Final = word_set(
    "Am An Auf Im In Zum Zur Unter Hinter Bei Vor Der Die Das Alte Neue U V K Na Nad Pod Za Ke Le La Les"
)
"""Words that begin a street's name although they begin no other: "Am Markt", "Unter den Linden"."""
