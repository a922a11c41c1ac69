from __future__ import annotations

import time

import pytest

from inference.redaction import Redactor
from inference.redaction.patterns.national import PATTERNS

REDACTOR = Redactor()
EU = ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL",
      "PL", "PT", "RO", "SE", "SI", "SK")  # fmt: skip


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.type, text[finding.start : finding.end]) for finding in REDACTOR.find(text)]


def identifiers(text: str) -> list[str]:
    return [value for kind, value in found(text) if kind == "NATIONAL_ID"]


@pytest.mark.parametrize("country", [*EU, "CH", "GB", "IS", "LI", "NO", "US"])
def test_every_country_has_a_pattern(country: str) -> None:
    assert any(pattern.country == country for pattern in PATTERNS)


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("62.04.18-721.69", "Mon numéro est {}, merci"),
        ("62041872169", "{}"),
        ("1 85 05 78 006 084 91", "Voici : {}."),
        ("236022B09470871", "née en Corse, {}"),
        ("1 41 02 04 089 930 85", "NIR {}"),
        ("29 05 728 342 426", "Mon identifiant, {}"),
        ("RSSMRA85M01H501Q", "Il sottoscritto, {}, dichiara"),
        ("rssmra85m01h501q", "cf={}"),
        ("RLO FDI 59S12 F901M", "{}"),
        ("CGUTVI69T45AQUTD", "omocodia: {}"),
        ("160353D153B", "{}"),
        ("131052-308T", "tunnus {} kiitos"),
        ("010594Y9021", "{}"),
        ("36621927Q", "con {} y domicilio"),
        ("36.621.927-Q", "{}"),
        ("Z2352621W", "residente {}"),
        ("X-1685264-P", "{}"),
        ("M2352621C", "{}"),
        ("941513638Z64", "{}"),
        ("35508381 6 Y45", "portador do {}"),
        ("65 170839 J 003", "{}"),
        ("15070649C103", "{}"),
        ("15 634 796 605", "Die Nummer {} steht im Brief"),
        ("756.2131.7242.84", "{}"),
        ("7567586868453", "{}"),
        ("070424/0625", "{}"),
        ("600928-6821", "{}"),
        ("19600928-6821", "{}"),
        ("120174-3399", "{}"),
        ("211062-5629", "{}"),
        ("62014720664", "{}"),
        ("190984 27883", "{}"),
        ("081031-06497", "{}"),
        ("1-850101-1231", "{}"),
        ("1893120105732", "{}"),
        ("2101010504455", "{}"),
        ("4857241NT", "{}"),
        ("AB 12 34 56 C", "{}"),
        ("AB123456C", "{}"),
        ("179-17-1369", "{}"),
        ("970-90-0775", "{}"),
        ("6744 080311", "{}"),
    ],
)
def test_a_telling_form_needs_no_word(value: str, template: str) -> None:
    assert found(template.format(value)) == [("NATIONAL_ID", value)]


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("6744080311", "Meine SVNr ist {}"),
        ("1237 01 01 80", "Sozialversicherungsnummer: {}"),
        ("59-149/4265", "Steuernummer {}"),
        ("0001 2345 6789", "ZMR-Zahl: {}"),
        ("62 04 18 721 69", "Rijksregisternummer: {}"),
        ("58220442254", "numéro national {}"),
        ("3224255917", "моето ЕГН е {}"),
        ("0203176036", "ЛНЧ: {}"),
        ("97864800T", "Αριθμός Φορολογικής Ταυτότητας {}"),
        ("0704240625", "rodné číslo {}"),
        ("470424/062", "rodné číslo: {}"),
        ("8755146224", "Moje rodné číslo je {}."),
        ("15634796605", "Steuer-ID: {}"),
        ("15634796605", '{{"steuerId": "{}"}}'),
        ("15634796605", "Steueridentifikationsnummer\n{}"),
        ("1509712380", "CPR-nummer {}"),
        ("150971 2380", "Mit personnummer er {}"),
        ("0101104567", "CPR: {}"),
        ("33109118983", "Minu isikukood on {}"),
        ("593625370", "ΑΦΜ: {}"),
        ("593625370", "Α.Φ.Μ. {}"),
        ("13067802549", "ΑΜΚΑ {}"),
        ("98490812562", "OIB: {}"),
        ("1 850101 1231", "személyi szám: {}"),
        ("8071592153", "Adóazonosító jelem {}"),
        ("4857241NT", "PPSN: {}"),
        ("1201743399", "kennitala: {}"),
        ("48602127449", "asmens kodas {}"),
        ("32567890123", "personas kods {}"),
        ("08103106497", "Personas kods: {}"),
        ("0123456M", "Karta tal-Identità {}"),
        ("822269570", "BSN: {}"),
        ("8222.69.570", "burgerservicenummer {}"),
        ("822 269 570", "citizen service number {}"),
        ("822269570", "{} (BSN)"),
        ("822269570", '"bsn":"{}"'),
        ("246-590-10-93", "NIP {}"),
        ("85880956362", "numer PESEL: {}"),
        ("289 406 420", "contribuinte n.º {}"),
        ("2440707467984", "CNP {}"),
        ("2440707467984", "cod numeric personal: {}"),
        ("12331155", "davčna številka {}"),
        ("1102016509761", "EMŠO: {}"),
        ("600928 6821", "personnummer {}"),
        ("196009286821", "Mitt personnummer är {}"),
        ("704 193 0785", "NHS number: {}"),
        ("20487 90231", "UTR {}"),
        ("179171369", "SSN: {}"),
        ("970 90 0775", "ITIN {}"),
        ("AB123456C", "national insurance no. {}"),
        ("1850578006084", "n° de sécurité sociale {}"),
        ("123456789012", "PEID {}"),
        ("822269570", "tax id: {}"),
        ("５９３６２５３７０", "ΑΦΜ {}"),
        ("822\u00a0269\u00a0570", "BSN {}"),
        ("822\u200b269570", "BSN {}"),
        ("1 85 05 78 006\n    084 91", "numéro {}"),
        ("15 634\r\n796 605", "Steuer-ID {}"),
        ("36621927\u2011Q", "DNI {}"),
    ],
)
def test_a_word_of_the_country_makes_an_identifier(value: str, template: str) -> None:
    assert found(template.format(value)) == [("NATIONAL_ID", value)]


WEAK = (
    "6744080311", "591494265", "3224255917", "0203176036", "97864800T", "0704240625", "15634796605",
    "1509712380", "33109118983", "593625370", "13067802549", "98490812562", "11850101231", "123456788",
    "8071592153", "48602127449", "0123456M", "822269570", "2465901093", "85880956362", "289406420",
    "2440707467984", "12331155", "6009286821", "196009286821", "7041930785", "2048790231", "179171369",
    "970900775", "0604091569", "2905728342426",
)  # fmt: skip


@pytest.mark.parametrize("value", WEAK)
@pytest.mark.parametrize(
    "template", ["{}", "Order {}", "BSN is a number, and much later in the text, far away from it, comes {}"]
)
def test_bare_digits_are_nothing_without_a_word(value: str, template: str) -> None:
    assert identifiers(template.format(value)) == []


@pytest.mark.parametrize(
    "text",
    [
        "BSN 822269571",
        "PESEL 85880956363",
        "RSSMRA85M01H501Z",
        "RSSMRA85M41H501Z",
        "1 85 05 78 006 084 92",
        "1 85 13 78 006 084 91",
        "131052-308U",
        "321352-308T",
        "600928-6822",
        "62041872160",
        "756.2131.7242.85",
        "AB123456E",
        "GB123456A",
        "000-12-3456",
        "666-12-3456",
        "078-05-1120",
        "36621927R",
        "Order no. 211062-5629",
        "Bestellung 600928-6821",
        "Invoice 62041872169",
        "Rechnung Nr. 36621927Q",
        "Tracking 179-17-1369",
        "BSN unknown, order 822269570",
        "Our BSN form, Bestellnummer: 822269570",
        "#36621927Q",
        "/items/36621927Q/edit",
        "INV-4857241NT",
        "36621927Q-AB12",
        "id-179-17-1369-3",
        "backup-20240102-1530.tar",
        "20240102-1530",
        "240102-1530",
        "2024-01-02 15:30:00.123456",
        "20240102153012",
        "1700000000000",
        "1701010501235",
        "1704067200",
        "1.2.3-131052",
        "v2.1.600928-6821",
        "600928.6821",
        "3.14159265358",
        "0.62041872169",
        "DE89 3704 0044 0532 0130 00",
        "FR14 2004 1010 0505 0001 3M02 606",
        "4111 1111 1111 1111",
        "3782 822463 10005",
        "+49 30 12345678",
        "+32470123456",
        "0470 12 34 56",
        "06 12 34 56 78",
        "212-555-0123",
        "d41d8cd98f00b204e9800998ecf8427e",
        "550e8400-e29b-41d4-a716-446655440000",
        "62041872-1690-4f3a-9b1c-36621927a0c2",
        "9e107d9d36621927Q",
        "sha 4857241a",
        "ISBN 978-3-16-148410-0",
        "EAN 4006381333931",
        "12.03.1985",
        "1985-03-12",
        "12/03/1985",
        "10.0.2.15",
        "x = 123456789 * 98765 % 97",
        "| 123456788 | 822269570 | 593625370 |",
        "12 345 678 901",
        "1,234,567,890",
        "99 999 999 999 EUR",
        "INTERNATIONALISE",
        "00000000000",
        "BSN 000000000",
        "NHS 0000000000",
        "ABCDEF12A34B567C",
    ],
)
def test_left_alone(text: str) -> None:
    assert identifiers(text) == []


def test_scores_say_what_was_checked() -> None:
    texts = ("RSSMRA85M01H501Q", "BSN 822269570", "AB123456C", "PEID 123456789012")

    assert [REDACTOR.find(text)[0].score for text in texts] == [1.0, 0.85, 0.75, 0.6]


@pytest.mark.parametrize(
    "junk", ["\x00", "A", "Z", "é", "ÿ", "0", "9", "2A", "99/99", "12 ", "1\n", "AB 12", "\U0001d7d8"]
)
def test_any_characters_of_the_form_are_judged_without_failing(junk: str) -> None:
    for length in range(1, 24):
        REDACTOR.find("national id " + (junk * length)[:length] + " " + (junk * length)[: length // 2])


def test_every_form_is_judged_without_failing() -> None:
    alphabet = "0123456789ABCDELMXYZ .-/+\n"
    state = 1
    for _ in range(400):
        characters = []
        for _ in range(400):
            state = (state * 1103515245 + 12345) % 2**31
            characters.append(alphabet[(state >> 8) % (10 if state >> 28 else len(alphabet))])
        REDACTOR.find("".join(characters))


@pytest.mark.parametrize(
    "unit",
    [
        "11 ",
        "123 456 789 ",
        "tax id 822269570 ",
        "1234567A",
        "1 85 05 78 006 084 91 ",
        "85M01H501Q ",
        "PEID 1234 ",
        "12\n     ",
        "131052-",
    ],
)
def test_hostile_repetition_stays_linear(unit: str) -> None:
    text = (unit * 200_000)[:200_000]

    start = time.process_time()
    REDACTOR.find(text)

    # Thirty microseconds for each number, on a busy machine; quadratic behaviour would take minutes.
    assert time.process_time() - start < 20
