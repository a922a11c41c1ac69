"""What Presidio 2.2.366 finds in plain cases of the types that both have: written from its documentation, compared with it by hand.

What stands between « and » is what Presidio finds, with the recognizers of `bench.peers.redactor_theirs` and a threshold of
0.35. A row with a reason is one where Bailiwick decides otherwise; `docs/redaction.md` has every reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.redaction import TYPES, Redactor

DOCS = Path(__file__).resolve().parents[3] / "docs" / "redaction.md"
AGREEING = 0.95
LOOPBACK, NETMASK, THIRTEEN = "loopback addresses", "netmasks and unspecified addresses", "thirteen-digit card numbers"
ORDER, ETHEREUM, VERSION = (
    'a number right after a word such as "order"',
    "Ethereum addresses",
    "after a word that says version",
)
WIDE, NBSP, UNCHECKED = "full-width digits", "no-break spaces", "German VAT numbers"

Row = tuple[str, str] | tuple[str, str, str]
CASES: tuple[Row, ...] = (
    ("EMAIL", "Write to «anna.berg@example.com», please."),
    ("EMAIL", "«a@b.de»"),
    ("EMAIL", "From: Anna <«anna@mail.example.co.uk»>"),
    ("EMAIL", "mailto:«office+bills@example.org»?subject=Hi"),
    ("EMAIL", "two: «one@example.com», «two@example.net»"),
    ("EMAIL", "«first_last-99@sub.example.eu» wrote"),
    ("EMAIL", "anna@localhost"),
    ("EMAIL", "anna@"),
    ("EMAIL", "@example.com"),
    ("EMAIL", "anna at example dot com"),
    ("EMAIL", "anna.example.com"),
    ("CARD", "Card 4012888888881882 was refused"),
    ("CARD", "Card «4012888888881881» was refused"),
    ("CARD", "visa «4012 8888 8888 1881»"),
    ("CARD", "visa «4012-8888-8888-1881»"),
    ("CARD", "mastercard «5105105105105100»"),
    ("CARD", "mastercard «5555 5555 5555 4444»"),
    ("CARD", "amex «371449635398431»"),
    ("CARD", "amex «3714 496353 98431»"),
    ("CARD", "discover «6011000990139424»"),
    ("CARD", "jcb «3530111333300000»"),
    ("CARD", "diners «38520000023237»"),
    ("CARD", "maestro «5019717010103742»"),
    ("CARD", "credit card: «4111111111111111»;"),
    ("CARD", "«4111 1111 1111 1111»"),
    ("CARD", "4111 1111 1111 1112"),
    ("CARD", "1234 5678 9012 3456"),
    ("CARD", "visa «4222222222222»", THIRTEEN),
    ("CARD", "４０１２８８８８８８８８１８８１", WIDE),
    ("CARD", "visa 4012\u00a08888\u00a08888\u00a01881", NBSP),
    ("IBAN", "IBAN «DE89370400440532013000»"),
    ("IBAN", "IBAN «DE89 3704 0044 0532 0130 00», danke"),
    ("IBAN", "«FR14 2004 1010 0505 0001 3M02 606»"),
    ("IBAN", "«ES43 0115 2449 3909 2668 5878»"),
    ("IBAN", "«IT60X0542811101000000123456»"),
    ("IBAN", "«NL91ABNA0417164300»"),
    ("IBAN", "«PL71 9458 0730 2157 3681 9303 6426»"),
    ("IBAN", "«PT14 9174 0029 7550 4736 8813 9»"),
    ("IBAN", "«SE39 5260 1815 9083 0166 1318»"),
    ("IBAN", "«DK64 3562 3012 3836 07»"),
    ("IBAN", "«FI3779542205879158»"),
    ("IBAN", "«CZ5390679037742087513506»"),
    ("IBAN", "«HR36 3080 2300 2531 5754 6»"),
    ("IBAN", "«AT41 2175 3377 2747 4341»"),
    ("IBAN", "«BE74 0818 3658 4929»"),
    ("IBAN", "«GB29 NWBK 6016 1331 9268 19»"),
    ("IBAN", "«LT20 4109 4668 5234 7039»"),
    ("IBAN", "«SK3574431148545623371919»"),
    ("IBAN", "«CH93 0076 2011 6238 5295 7»"),
    ("IBAN", "DE89370400440532013001"),
    ("IBAN", "DE8937040044053201300"),
    ("IBAN", "GB29 NWBK 6016 1331 9268 18"),
    ("IBAN", "XX89370400440532013000"),
    ("IP", "from «192.168.1.20» at noon"),
    ("IP", "«8.8.8.8»"),
    ("IP", "the server «10.0.0.7» and «172.16.254.1»"),
    ("IP", "«2001:db8:85a3::8a2e:370:7334»"),
    ("IP", "«2001:0db8:85a3:0000:0000:8a2e:0370:7334»"),
    ("IP", "«fe80::1ff:fe23:4567:890a»"),
    ("IP", "999.1.1.1"),
    ("IP", "1.2.3"),
    ("IP", "12:30:45"),
    ("IP", "«127.0.0.1»", LOOPBACK),
    ("IP", "«::1»", LOOPBACK),
    ("IP", "mask «255.255.255.0»", NETMASK),
    ("IP", "listens on «0.0.0.0»", NETMASK),
    ("IP", "version «1.2.3.4»", VERSION),
    ("MAC", "eth0 «00:1A:2B:3C:4D:5E»"),
    ("MAC", "«00-1a-2b-3c-4d-5e»"),
    ("MAC", "«001A.2B3C.4D5E»"),
    ("MAC", "mac address «a4:5e:60:c2:11:07», up"),
    ("MAC", "00:1A:2B:3C:4D"),
    ("MAC", "00:1A:2B:3C:4D:5G"),
    ("MAC", "FF:FF:FF:FF:FF:FF"),
    ("MAC", "00:00:00:00:00:00"),
    ("PHONE", "call «+49 30 901820»"),
    ("PHONE", "my phone number is «(212) 664-7665»"),
    ("PHONE", "phone «212-664-7665»"),
    ("PHONE", "«+44 20 7946 0958»"),
    ("PHONE", "call «020 7946 0958»"),
    ("PHONE", "«+33 1 42 68 53 00»"),
    ("PHONE", "«+39 06 6982 1234»"),
    ("PHONE", "«+34 912 345 678»"),
    ("PHONE", "«+48 22 694 80 00»"),
    ("PHONE", "«+31 20 551 0505»"),
    ("PHONE", "«+43 1 514 330»"),
    ("PHONE", "«+1 650-253-0000»"),
    ("PHONE", "phone 12345"),
    ("PHONE", "2024-01-02 03:04:05"),
    ("PHONE", "1234567890123456"),
    ("PHONE", "order «212-664-7665»", ORDER),
    ("CRYPTO", "wallet address «1BoatSLRHtKNngkdXEeobR76b53LETtpyT»"),
    ("CRYPTO", "bitcoin: «bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq»"),
    ("CRYPTO", "btc «3GgBnudKSWBRJ1hs4kbDNFzdAtEcn8FaB5»"),
    ("CRYPTO", "crypto wallet «16VLCELLcS5GASbz1ZEGk6GpU25j6Zhigv»"),
    ("CRYPTO", "wallet 1BoatSLRHtKNngkdXEeobR76b53LETtpyU"),
    ("CRYPTO", "wallet bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp"),
    ("CRYPTO", "wallet 0x342f5d0a3a5e4842fab428f762e6e282e5c1657c", ETHEREUM),
    ("NATIONAL_ID", "my ssn is «536-22-8726»"),
    ("NATIONAL_ID", "social security number «158-90-6276»"),
    ("NATIONAL_ID", "ssn 000-22-8726"),
    ("NATIONAL_ID", "ssn 666-22-8726"),
    ("NATIONAL_ID", "DNI «12345678Z»"),
    ("NATIONAL_ID", "DNI 12345678A"),
    ("NATIONAL_ID", "NIE «X1234567L»"),
    ("NATIONAL_ID", "NIE X1234567A"),
    ("NATIONAL_ID", "codice fiscale «RSSMRA85T10A562S»"),
    ("NATIONAL_ID", "codice fiscale RSSMRA85T10A562T"),
    ("NATIONAL_ID", "PESEL «44051401359»"),
    ("NATIONAL_ID", "PESEL 44051401358"),
    ("NATIONAL_ID", "hetu «131052-308T»"),
    ("NATIONAL_ID", "hetu 131052-308U"),
    ("NATIONAL_ID", "personnummer «811218-9876»"),
    ("NATIONAL_ID", "personnummer 811218-9877"),
    ("NATIONAL_ID", "Steuer-ID «86095742719»"),
    ("NATIONAL_ID", "Steuer-ID 86095742718"),
    ("NATIONAL_ID", "national insurance number «AB123456C»"),
    ("NATIONAL_ID", "national insurance number QQ123456C"),
    ("HEALTH_INSURANCE", "NHS number «943 476 5919»"),
    ("HEALTH_INSURANCE", "NHS number «9434765919»"),
    ("HEALTH_INSURANCE", "NHS number 943 476 5918"),
    ("HEALTH_INSURANCE", "Krankenversicherungsnummer «M604876473»"),
    ("HEALTH_INSURANCE", "Krankenversicherungsnummer M604876474"),
    ("VAT", "partita iva «00743110157»"),
    ("VAT", "partita iva 00743110158"),
    ("VAT", "USt-IdNr. «DE136695976»"),
    ("VAT", "USt-IdNr. «DE136695977»", UNCHECKED),
    ("PASSPORT", "my passport number is «912803456»"),
    ("PASSPORT", "passaporto «YA1234567»"),
    ("PASSPORT", "pasaporte «AAA123456»"),
    ("PASSPORT", "passport «A12803456»"),
    ("DRIVING_LICENCE", "driving licence «MORGA753116SM9IJ»"),
    ("DRIVING_LICENCE", "patente «AB1234567C»"),
)  # fmt: skip
COMPARED = [case for case in CASES if case[0] in TYPES]
"""Those of the types that this version finds."""


def decided(case: Row) -> tuple[list[str], list[str]]:
    """What Bailiwick finds of the type of `case`, and what Presidio does."""
    text = case[1].replace("«", "").replace("»", "")
    theirs = [piece.partition("»")[0] for piece in case[1].split("«")[1:]]
    return [text[f.start : f.end] for f in Redactor().find(text) if f.type == case[0]], theirs


@pytest.mark.parametrize("case", [case for case in COMPARED if len(case) == 3], ids=lambda case: case[1])
def test_a_deliberate_difference_is_one_and_is_documented(case: tuple[str, str, str]) -> None:
    ours, theirs = decided(case)

    assert ours != theirs
    assert case[2] in " ".join(
        DOCS.read_text(encoding="utf-8").partition("## Where Presidio decides otherwise")[2].split()
    )


def test_plain_cases_agree() -> None:
    plain = [case for case in COMPARED if len(case) == 2]

    disagreeing = [(case[1], ours) for case in plain for ours, theirs in [decided(case)] if ours != theirs]

    assert len(disagreeing) <= len(COMPARED) * (1 - AGREEING), disagreeing
