from __future__ import annotations

import random

import pytest

from inference.redaction import Redactor
from inference.redaction.patterns.health import kvnr, taj
from inference.redaction.patterns.passport import icao
from inference.redaction.patterns.vin import check_digit

REDACTOR = Redactor()
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
VISA = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<"


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.type, text[finding.start : finding.end]) for finding in REDACTOR.find(text)]


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("C01X00T47", "Mein Reisepass hat die Nummer {}."),
        ("C01X00T478", "Reisepass: {}"),
        ("T220001293", "Personalausweis {}"),
        ("P1234567", "Reisepassnummer {} (Österreich)"),
        ("EH123456", "Paspoort (België): {}"),
        ("AB1234567", "Паспорт № {}"),
        ("123456789", "Лична карта {}"),
        ("12345678", "Číslo pasu: {}"),
        ("123456789", "občanský průkaz {}"),
        ("123456789", "pasnummer {}"),
        ("K1234567", "Passi number {}"),
        ("XP8271602", "Passin numero on {}"),
        ("12AB34567", "numéro de passeport : {}"),
        ("X4RTBPFW4", "carte nationale d'identité {}"),
        ("880692310285", "CNI n° {}"),
        ("AE1234567", "Διαβατήριο {}"),
        ("AK 123456", "Αριθμός ταυτότητας: {}"),
        ("BH1234567", "útlevélszám: {}"),
        ("123456AA", "személyi igazolvány {}"),
        ("PD1234567", "My Irish passport number is {}"),
        ("YA1234567", "passaporto n. {}"),
        ("CA00000AA", "carta d'identità elettronica {}"),
        ("LV1234567", "pases numurs {}"),
        ("12345678", "Paso Nr. {}"),
        ("1234567", "Numru tal-passaport: {}"),
        ("SPECI2014", "paspoortnummer {}"),
        ("AB1234567", "Nr paszportu: {}"),
        ("ABC 123456", "dowód osobisty {}"),
        ("AB123456", "Passaporte {}"),
        ("123456789", "Pașaport nr. {}"),
        ("PB1234567", "Potni list {}"),
        ("BA1234567", "Cestovný pas: {}"),
        ("AAA123456", "Pasaporte {}"),
        ("AAA123456", "número de soporte {}"),
        ("12345678", "Passnummer: {}"),
        ("G2GGKRZMY", "Reisepass {}."),
        ("YP4853629", "INSERT INTO p (vin, passport_no) VALUES ('', '{}');"),
        ("123456789", "UK passport no {}"),
        ("A12345678", "US passport {}"),
        ("X1234567", "Schweizer Pass Nr. {}"),
        ("A1234567", "vegabréfsnúmer {}"),
        ("CCC123456", "reisedokument {}"),
        ("123456789", '{{"passport_number": "{}"}}'),
        ("123456789", '{{"passport": {{"holder": "a", "numbers": ["{}"]}}}}'),
        ("12345 6789", "passport\n{}"),
        ("１２３４５６７８９", "passport {}"),
        ("C01X\n  00T47", "Reisepass {}"),
        (TD3, "{}"),
        (TD2, "scan: {}"),
        (TD1, "{}."),
        (VISA, "{}"),
        (TD3.replace("\n", "\\n"), '{{"mrz": "{}"}}'),
        (TD3.replace("\n", " "), "{}"),
        (TD3.replace("\n", "\n    "), "    {}"),
        (TD3.partition("\n")[2], "line two is {}"),
        (TD3.replace("ZE184226B<<<<<10", "ZE184226B<<<<<11"), "{}"),
    ],
)
def test_passports_and_identity_cards(value: str, template: str) -> None:
    assert found(template.format(value)) == [("PASSPORT", value)]


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("MORGA657054SM9IJ", "{}"),
        ("MORGA 657054 SM9IJ", "licence {}"),
        ("MORGA657054SM9IJ 35", "DVLA: {}"),
        ("B072RRE2I55", "Führerschein-Nr. {}"),
        ("AB1234567C", "patente di guida {}"),
        ("U1K123456A", "patente n. {}"),
        ("12AA34567", "permis de conduire {}"),
        ("123456789012", "Permis de conduire n° {}"),
        ("00001/16/1234", "prawo jazdy nr {}"),
        ("12345678", "Führerscheinnummer {} (Wien)"),
        ("1234567890", "rijbewijsnummer {}"),
        ("AB 123456", "řidičský průkaz {}"),
        ("12345678", "kørekort {}"),
        ("ET123456", "juhiluba {}"),
        ("123456789", "άδεια οδήγησης {}"),
        ("CD123456", "jogosítvány: {}"),
        ("B12345678C", "permisul de conducere {}"),
        ("850503-1234", "körkort {}"),
        ("A1234567", "driver's license {}"),
        ("123456", "driverLicense={}"),
        ("S123-4567-8901", "Illinois driver's license: {}"),
    ],
)
def test_driving_licences(value: str, template: str) -> None:
    assert found(template.format(value)) == [("DRIVING_LICENCE", value)]


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("A123456780", "KVNR {}"),
        ("X110411675", "Krankenversichertennummer: {}"),
        ("A 123 456 780", "versichert bei der Krankenkasse unter {}"),
        ("A123456780", "{} (Versichertennummer)"),
        ("80276881040000000000", "European health insurance card {}"),
        ("8075 6000 0000 0000 0001", "Versichertenkarte {}"),
        ("80380000300123456789", "tessera sanitaria {}"),
        ("80040000010123456789", "e-card: {}"),
        ("1EG4-TE5-MK73", "{}"),
        ("1EG4TE5MK73", "Medicare {}"),
        ("037687210", "TAJ szám: {}"),
        ("123456789", "zorgverzekering polisnummer {}"),
        ("1234567890123", "mutualité / mutualiteit {}"),
        ("123456789", "número de utente {}"),
    ],
)
def test_health_insurance_numbers(value: str, template: str) -> None:
    assert found(template.format(value)) == [("HEALTH_INSURANCE", value)]


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("1HGCM82633A004352", "{}"),
        ("1M8GDM9AXKP042788", "seen: {}."),
        ("WVWZZZ1JZ3W386752", "{}"),
        ("WBAPH71050NM12345", "Fahrgestellnummer {}"),
        ("VF1RFB00X56123456", "numéro de châssis : {}"),
        ("ZFA31200000123456", "telaio {}"),
        ("WVW ZZZ1JZ 3W386752", "VIN: {}"),
        ("WVW ZZZ 1JZ 3W3 867 52", "Chassis no. {}."),
        ("wvwzzz1jz3w386752", "vin={}&x=1"),
        ("B-MW 1234", "Kennzeichen: {}"),
        ("M AB 123", "das Auto mit dem Kennzeichen {}"),
        ("HH-AB 12E", "Kfz-Kennzeichen {}"),
        ("W-12345X", "Kennzeichen {} (Wien)"),
        ("1-ABC-123", "nummerplaat {}"),
        ("CB 1234 AB", "регистрационен номер {}"),
        ("ZG 1234-AB", "registarska oznaka {}"),
        ("1A2 3456", "SPZ {}"),
        ("AB 12 345", "nummerplade {}"),
        ("123 ABC", "registreerimismärk {}"),
        ("ABC-123", "rekisterinumero {}"),
        ("AB-123-CD", "véhicule immatriculé {}"),
        ("ΑΒΕ-1234", "πινακίδα {}"),
        ("ABC-123", "rendszám: {}"),
        ("191-D-12345", "reg no {}"),
        ("AB 123 CD", "auto targata {}"),
        ("AB-1234", "numurzīme {}"),
        ("12-AB-34", "kenteken {}"),
        ("WA 12345", "numer rejestracyjny {}"),
        ("12-AB-34", "matrícula {}"),
        ("B 123 ABC", "număr de înmatriculare {}"),
        ("BA-123AB", "EČV: {}"),
        ("LJ AB-123", "registrska številka {}"),
        ("1234 BCD", "matrícula {}"),
        ("ABC 12D", "registreringsnummer {}"),
        ("AB12 CDE", "number plate {}"),
        ("AB 12345", "regnr. {}"),
        ("ZH 123456", "Kontrollschild {}"),
        ("AB12 CDE", '{{"licensePlate": "{}"}}'),
    ],
)
def test_vehicles(value: str, template: str) -> None:
    assert found(template.format(value)) == [("VEHICLE", value)]


@pytest.mark.parametrize(
    "text",
    [
        "C01X00T47",
        "AB1234567",
        "Article 12AB34567",
        "ABCDEFGHI passport",
        "passport valid until 01.02.2029",
        "passport issued 2019-02-01",
        "PASSPORTS REQUIRED",
        "Passport fee: 1234",
        "password 123456789",
        "Your passport photo, order no. 12345678",
        "passport expired; invoice 12345678",
        '{"passport": null, "orderId": "123456789"}',
        "passport,order\n,123456789",
        "pass the salt 12345678",
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C30UTO7408120F1204150ZE184226B<<<<<10",
        "BASE64ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNO",
        "MORGA699054SM9IJ",
        "MORGA657054SM9I",
        "A123456780",
        "KVNR A123456781",
        "80276881040000000001",
        "1HGCM82633A004353",
        "WBAPH71050NM12345",
        "VIN 12345678901234567",
        "ABCDEFGHJKLMN1234",
        "Kennzeichen 100 EUR",
        "RFC 2822 and ISO 8601",
        "My driver's license expired on 2021-03-04 and file 20210304 is open.",
        "Health insurance costs 1.234.567 EUR in 2024",
        "passport_ttl=86400000",
        "UPDATE users SET passport_verified=1 WHERE id=12345678;",
        "Regulation (EU) 2019/1157 on identity cards, OJ L 188, 12.7.2019, p. 67",
        "B-MW 1234",
        "AB12 CDE",
        "health 123456789",
        "0x1234567890abcdef",
        "d41d8cd98f00b204e9800998ecf8427e",
        "550E8400-E29B-41D4-A716-446655440000",
    ],
)
def test_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "then",
    [
        "réf. CY-3159-57",
        "référence 74-74-5933-1",
        "colis 9191 4801 9985",
        "Parcel 3746 7869 2573",
        "lähetys 2257 1852 1015",
        "δέμα 2849 4073 6544",
        "colet 9191 4801 9985",
        "zásilka 91914801",
        "przesyłka 91914801",
        "csomag 91914801",
        "пратка 91914801",
        "Rechnung AB123456",
        "# 32094317",
    ],
)
def test_what_a_word_calls_something_else_is_no_second_passport(then: str) -> None:
    assert found(f"Passeport n° 25JO17760, {then}, merci") == [("PASSPORT", "25JO17760")]


def test_the_numbers_of_a_list() -> None:
    text = "Reisepässe: C01X00T47, C01X00T48 und C01X00T49; Bestellung C01X00T50"

    assert [value for _, value in found(text)] == ["C01X00T47", "C01X00T48", "C01X00T49"]


def test_check_digits_against_published_examples() -> None:
    assert icao("L898902C3") == 6
    assert icao("D23145890") == 7
    assert icao("740812") == 2
    assert kvnr("A123456780")
    assert kvnr("X110411675")
    assert not kvnr("X110411676")
    assert taj("037687210")
    assert check_digit("11111111111111111")
    assert check_digit("1M8GDM9AXKP042788")
    assert not check_digit("1M8GDM9A1KP042788")


def test_of_ten_numbers_one_has_the_check_digit() -> None:
    chance = random.Random(7)
    for _ in range(10_000):
        body = f"{chance.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}{chance.randrange(10**8):08}"
        assert sum(kvnr(f"{body}{digit}") for digit in range(10)) == 1
        assert sum(taj(f"{body[1:]}{digit}") for digit in range(10)) == 1
        vin = "".join(chance.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=17))
        assert sum(check_digit(f"{vin[:8]}{digit}{vin[9:]}") for digit in "0123456789X") == 1


def test_a_zone_covers_every_line_with_the_names() -> None:
    redacted, placeholders = REDACTOR.redact(f"before\n{TD1}\nafter")

    assert redacted == "before\n[[PASSPORT_1]]\nafter"
    assert placeholders.restore(redacted) == f"before\n{TD1}\nafter"
    assert [finding.score for finding in REDACTOR.find(TD1)] == [1.0]
