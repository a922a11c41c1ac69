from __future__ import annotations

import time

import pytest

from inference.redaction import Redactor

REDACTOR = Redactor()

BY_COUNTRY = {
    "AT": "Mariahilfer Straße 12/5, 1060 Wien",
    "BE": "Rue de la Loi 200, 1000 Bruxelles",
    "BE nl": "Kerkstraat 12, 2000 Antwerpen",
    "BG": "ул. Витоша 15, 1000 София",
    "BG town first": "1000 София, ул. Витоша 15",
    "CH": "Bahnhofstrasse 1, CH-8001 Zürich",
    "CH fr": "Rue du Rhône 14, 1204 Genève",
    "CY": "Λεωφόρος Μακαρίου 12, 1065 Λευκωσία",
    "CZ": "Václavské náměstí 1, 110 00 Praha 1",
    "CZ bare": "Dlouhá 12, 110 00 Praha",
    "DE": "Hauptstraße 12a\n10115 Berlin",
    "DE short": "Lindenstr. 5, 50667 Köln",
    "DE bare": "Am Markt 5, 07743 Jena",
    "DE box": "Postfach 12 34, 10115 Berlin",
    "DE country": "Große Hamburger Straße 12\nD-10115 Berlin\nDeutschland",
    "DK": "Vestergade 12, 1456 København K",
    "EE": "Pärnu mnt 12, 10148 Tallinn",
    "ES": "Calle Mayor 5, 28013 Madrid",
    "ES abbreviated": "C/ de Alcalá, 45, 28014 Madrid",
    "FI": "Mannerheimintie 5 A 3, 00100 Helsinki",
    "FR": "12 rue de la Paix, 75002 Paris",
    "FR bis": "12 bis, avenue du Général de Gaulle\n69001 Lyon Cedex 01",
    "GB": "10 Downing Street, London SW1A 2AA",
    "GB lines": "221B Baker Street\nLondon\nNW1 6XE\nUnited Kingdom",
    "GR": "Οδός Ερμού 15, 105 63 Αθήνα",
    "HR": "Savska cesta 32, 10000 Zagreb",
    "HU": "1052 Budapest, Váci utca 12",
    "IE": "12 Main Street, Dublin 2, D02 X285",
    "IT": "Via Roma 10, 00184 Roma RM",
    "IT number": "Viale della Libertà, n. 10 - 20121 Milano (MI)",
    "LT": "Gedimino pr. 9, LT-01103 Vilnius",
    "LU": "12 rue du Fossé, L-1536 Luxembourg",
    "LV": "Brīvības iela 10, Rīga, LV-1050",
    "MT": "25 Republic Street, Valletta VLT 1117",
    "NL": "Keizersgracht 123, 1015 CJ Amsterdam",
    "NO": "Karl Johans gate 5, 0154 Oslo",
    "PL": "ul. Marszałkowska 10/5, 00-590 Warszawa",
    "PT": "Rua Augusta 12, 1100-048 Lisboa",
    "RO": "Strada Lipscani nr. 3, 030031 București",
    "SE": "Storgatan 4, 111 22 Stockholm",
    "SI": "Slovenska cesta 5, 1000 Ljubljana",
    "SK": "Obchodná ulica 12, 811 06 Bratislava",
    "US": "1600 Pennsylvania Avenue NW, Washington, DC 20500",
    "ES town first": "Cuesta de Eufemia 507\nCantabria, 47999",
    "FR no number": "avenue Carpentier\n33788 Merle-la-Forêt",
    "NL lines": "Sarastraat 9\n5907JO\nHasselt",
    "PT no number": "Av da Fonte de Cima, S/N\n7904-047 Reguengos de Monsaraz",
    "RO flat": "Aleea Mocanu Nr. 191 Bl. 84 Sc. 98 Ap. 933\nDumbravita, 332860",
    "US flat": "9725 Barry Park Apt. 464\nHunterfurt, OK 46495",
    "US box": "P.O. Box 123, Springfield, IL 62704",
}


def addresses(text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in REDACTOR.find(text) if finding.type == "ADDRESS"]


@pytest.mark.parametrize("country", BY_COUNTRY)
@pytest.mark.parametrize("template", ["{}", "x: {}.", "see\n{}\nbye"])
def test_every_countrys_addresses_are_found_whole(country: str, template: str) -> None:
    assert addresses(template.format(BY_COUNTRY[country])) == [BY_COUNTRY[country]]


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("I live at {} with him", "221B Baker Street"),
        ("wohnhaft {} und", "Hauptstraße 12"),
        ("J'habite au {}.", "12 rue de la Paix"),
        ("mieszkam przy {}", "ul. Długa 5"),
        ("Address: {}", "12 High Street"),
        ('{{"street": "{}", "city": "Berlin"}}', "Hauptstr. 5"),
        ("Meet me at {}.", "10 Downing Street, London"),
        ("a {}", "Via Garibaldi 12, Torino"),
    ],
)
def test_without_a_postcode_what_is_around_must_tell(template: str, address: str) -> None:
    assert addresses(template.format(address)) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "12 High Street is a film",
        "Hauptstraße 12",
        "10115 Berlin",
        "In 1990 Berlin changed. In 2004 Athens",
        "via HTTP 5 and via Zoom",
        "Section 12, 2004 Edition",
        "Table 5\n10115 Rows",
        "Weg 3 or Step 3, 20000 Items",
        "Tabelle 3, 12345 Einwohner",
        "2500 Euro, 1500 Kunden",
        "Figure 7, 90210 Points",
        "Order 12, 10115 Euro",
        "Chapter 3, 2024 Annual Report",
        "version 12, 11000 Users",
        "const ring = 5; place = 12",
        "Port 8080, 12345 Bytes",
        "page 12, 2019 Springer",
        "Wall Street, the Supreme Court and Hyde Park",
        "rue de la Paix is a street",
        "on 5 May Street musicians, Tuesday",
        "10:15, 1060 Watt",
    ],
)
def test_one_part_alone_is_none(text: str) -> None:
    assert addresses(text) == []


def test_a_flat_and_a_street_without_a_number_are_lines_of_their_own() -> None:
    address = "Studio 64A\nAllen Place\nJacksonmouth\nBB4 5XY"

    assert addresses(f"see\n{address}\nbye") == [address]


def test_the_line_above_an_address_is_a_name() -> None:
    text = "Anna Schmidt\nHauptstraße 12\n10115 Berlin"

    assert [(finding.type, text[finding.start : finding.end]) for finding in REDACTOR.find(text)] == [
        ("NAME", "Anna Schmidt"),
        ("ADDRESS", "Hauptstraße 12\n10115 Berlin"),
    ]
    assert {finding.layer for finding in REDACTOR.find(text)} == {"cues"}
    assert [f.type for f in REDACTOR.find("Muster Bau GmbH\nHauptstraße 12\n10115 Berlin")] == ["ADDRESS"]


@pytest.mark.parametrize(
    "unit",
    [
        "Hauptstraße 5 ",
        "10115 Berlin ",
        "Hauptstraße 5, 10115 Berlin\n",
        "via Roma ",
        "1 A ",
        "5 High Street ",
        "12 rue ",
        "SW1A 2AA ",
    ],
)
def test_hostile_repetition_stays_linear(unit: str) -> None:
    text = (unit * 100_000)[:100_000]

    start = time.process_time()
    REDACTOR.redact(text)

    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("né le 24/12/1994, demeurant {}, vous demande", "avenue de Sanchez, 55210 Gomes"),
        ("4864. Moro em {}, encomenda", "Largo de Almeida, S/N, 5638-692 Odivelas"),
        ("domiciliat în {}. Telefon", "Drumul Iacob Nistor, 767413 Voluntari"),
        ("of {}. Call us", "Flat 43, Deborah Pass, Noblebury DA01 6QN"),
        ("Address: {}\n", "Studio 4, Brown Row, North Hollie JE40 8PD"),
        ("Heimilisfang: {}\nSími", "Laugavegur 152, 393 Kópavogur"),
        ('"anschrift":"{}",', "Skólavörðustígur 16, 101 Reykjavík"),
        ("abito in {}.", "Contrada Fischetti, 8, 45014 Orero Di Serra Ricco"),
        ("adress {}. Ring 08-755 703 45", "Furustigen 8, 64298 Lidköping"),
        ("Adrese: {}\n", "Brīvības iela 101, Rīga, LV-9031"),
    ],
)
def test_an_address_ends_and_begins_where_its_parts_do(template: str, address: str) -> None:
    assert addresses(template.replace("{}", address)) == [address]
