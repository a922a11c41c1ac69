from __future__ import annotations

import pytest

from inference.redaction import Redactor
from inference.redaction.patterns.phone import PATTERNS
from inference.redaction.zones import near_digits

REDACTOR = Redactor()


def phones(text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in REDACTOR.find(text) if finding.type == "PHONE"]


@pytest.mark.parametrize(
    ("template", "number"),
    [
        # A number's own word, in the languages of Europe.
        ("Телефон: {}", "0888123456"),
        ("тел. {} или имейл", "02 987 65 43"),
        ("Номерът ми е {}", "887 123 456"),
        ("moje číslo je {}, děkuji", "603225987"),
        ("Ring på tlf. {} eller skriv", "20123456"),
        ("Meine Nummer ist {}", "1511234567"),
        ("Καλέστε στο τηλ. {} ή γράψτε", "210 9134962"),
        ("κινητό {}, κάρτα", "6928 294510"),
        ("Τηλέφωνο: {}\nEmail", "２３６０ １９８３８７"),
        ("call me back on {}", "7700 900123"),
        ("My number is {}.", "7700900123"),
        ("mi número es {}", "614153955"),
        ("Telefoninumber: {}", "5382 4926"),
        ("puh. {}", "45 123 4567"),
        ("Vous pouvez me joindre au {}", "621 356 676"),
        ("Mon numéro est {}", "661 234 567"),
        ("Fón: {}", "87 547 0473"),
        ("mobitel {}", "91 123 4567"),
        ("telefonszám: {}", "20 197 1530"),
        ("Il mio cellulare è {}", "3331234567"),
        ("mob. {}", "612 34567"),
        ("Tālrunis: {}\nE-pasts", "29 430 626"),
        ("Telefown: {}", "7902 4348"),
        ("Telefoon: {}", "(0029) 713695"),
        ("Bel ons op {} of mail", "(008) 7638520"),
        ("mój numer to {}, karta", "601.416.487"),
        ("Contacte-nos: {} ou", "914750984"),
        ("Numărul meu: {}", "0722 123 456"),
        ("Zavolajte mi na {}", "905 123 456"),
        ("Pokličite na {}", "41 634 017"),
        ("Ring {} eller skriv till", "08-755 703 45"),
        ("Ring meg på {}", "471 32 494"),
        ("Sími: {}\nNetfang", "653 0498"),
        # Countries' numbers with their code.
        ("{}", "+354 634 9913"),
        ("{}", "+354‑659‑8503"),
        ("{}", "+45\xa00250\xa07267"),
        ("{}", "+386 41 073 734"),
        ("{}", "+47 48 12 00 65"),
        ("{}", "+352 621 356 676"),
        ("{}", "(351) 911 533 685"),
        ("Toll free: {}", "1-800-555-0199"),
        ("{}", "1 (212) 555-0123"),
        ("tel. {}", "8 (5) 212 3456"),
        ("{}", "(351) 938337040"),
        # A cell, a key, a field says it.
        ("id;name;phone\n7;Anna;{}\n", "964343900"),
        ("| Nafn | Sími |\n|---|---|\n| Huldís | {} |\n", "669 5335"),
        ('{"contact": {"mobile_phone": "{}"}}', "5912683543"),
        ('"telefonnummer": {}, ', "15112345678"),
        ("<phone>{}</phone>", "12 99 26 08"),
        ("INSERT INTO people (id, name, phone) VALUES (12, 'Anna', '{}');", "35136079825"),
    ],
)
def test_numbers_are_found_where_something_announces_them(template: str, number: str) -> None:
    assert phones(template.replace("{}", number)) == [number]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("+386 41 073 734", "030 523 512"),
        ("+4748120065", "489 44 780"),
        ("453 62 829", "471 32 494"),
        ("201777681", "915 314 340"),
        ("+354 635 5827", "+354 630 5834"),
        ("+36 20 580 1104", "50/813-7250"),
    ],
)
@pytest.mark.parametrize("link", [" / ", " oder ", ", "])
def test_the_second_of_two_numbers_is_found_as_well(first: str, second: str, link: str) -> None:
    assert phones(f"Telefon: {first}{link}{second}; E-Mail: x") == [first, second]


@pytest.mark.parametrize(
    "text",
    [
        "Din ordre 0724464-75 af 2024-07-13",
        "potvrzujeme objednávku 0269278734 ze dne",
        "encomenda 0193201101.",
        "Paket 0500 5434 7842 0967 saknas",
        "envío 0569 2393 9664 0949, lote",
        "Incident 0281582-54 ouvert",
        "Paczka 0883699411 nie doszła",
        "zásilka 0883699411",
        "δέμα 0883699411",
        "пратка 0883699411",
        "siunta 0883699411",
        "(20231014010101, 0620425-56)",
        "id;phone_id;created\n7;964343900;1\n",
        '"phone_verified_at": 1700000000',
        '"phone_model": "123456789"',
        "a signal of 123456789 units",
        "during 1234567 cycles",
        "6.332362889 + 45.92828268*I",
        "f(x) + (1.1329138213*x)",
        "# 00 01 02 03 04 05 06 07 | 08 09 10 11 12 13",
        "telephone number, A000085 in the OEIS",
        "hotel 123456",
        "the label 123456789",
        "assertEquals(2147483647, 017777777777)",
        "Tel Aviv has 474530 people",
        "In 2023 we rang 1204 bells",
    ],
)
def test_other_numbers_are_no_telephones(text: str) -> None:
    assert phones(text) == []


def test_a_short_number_goes_on_in_the_next_line() -> None:
    assert phones("mi móvil es 614 15 39\n    55 y mi tarjeta") == ["614 15 39\n    55"]
    assert phones("Telefon: 0237 396\n    729\nE-mail:") == ["0237 396\n    729"]
    assert phones("Tel. 1234567\n12345 Berlin") == ["1234567"]


def test_ordinary_text_never_asks_for_a_number() -> None:
    assert all(near_digits(pattern.trigger) for pattern in PATTERNS)
