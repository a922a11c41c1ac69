from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.redaction import Redactor
from inference.redaction.patterns.iban import LENGTHS
from workspaces import tokens

REDACTOR = Redactor()


def found(text: str, language: str | None = None) -> list[tuple[str, str]]:
    return [(finding.type, text[finding.start : finding.end]) for finding in REDACTOR.find(text, language)]


def with_github_checksum(prefix: str, body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit] + digits
    return prefix + body + digits


def jwt(header: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part(header)}.{part({'sub': 'someone', 'iat': 1516239022})}.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx\nq2wJ+/aa==\n-----END RSA PRIVATE KEY-----"
A40 = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
DIGITS64 = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("kind", "value", "template"),
    [
        ("EMAIL", "anna@example.com", "Write to {} today."),
        ("EMAIL", "anna.schmidt+news@mail.example.co.uk", "<{}>"),
        ("EMAIL", "o'brien@example.ie", "mailto:{}?subject=x"),
        ("EMAIL", "josé.müller@bücher.example", "Von {}, gestern"),
        ("EMAIL", "почта@пример.рф", "Пишите: {}."),
        ("EMAIL", "a@b.de", '"email":"{}"'),
        ("EMAIL", "first_last@sub-domain.example.museum", "email={}&x=1"),
        ("EMAIL", "anna＠example．com", "Full width: {}"),
        ("EMAIL", "an\u200bna@exam\u00adple.com", "Zero width: {} end"),
        ("PHONE", "+49 30 12345678", "Ruf {} an"),
        ("PHONE", "+ 49 30 12345678", "Ruf {} an"),
        ("PHONE", "(022) 17138", "Cork {}"),
        ("PHONE", "012 36 68 33", "{}"),
        ("PHONE", "21 273 9103", "Lisboa {}"),
        ("PHONE", "212 637 107", "Praha {}"),
        ("PHONE", "691 533 2021", "{}"),
        ("PHONE", "+49 (0)30 / 123 45-67", "Tel.: {}, Berlin"),
        ("PHONE", "+4915112345678", "tel:{}"),
        ("PHONE", "+33 1 23 45 67 89", "Appelez le {}."),
        ("PHONE", "+39 06 1234 5678", "{}"),
        ("PHONE", "+34 612 34 56 78", "Móvil {}"),
        ("PHONE", "+31 6 12345678", "{}"),
        ("PHONE", "+44 20 7946 0958", "{}"),
        ("PHONE", "+44 (0) 7700 900123", "Ring {}!"),
        ("PHONE", "+1 (212) 555-0123", "{}"),
        ("PHONE", "+1-212-555-0123", "{}"),
        ("PHONE", "+43 664 1234567", "{}"),
        ("PHONE", "+41 44 668 18 00", "{}"),
        ("PHONE", "+32 470 12 34 56", "{}"),
        ("PHONE", "+48 601 234 567", "{}"),
        ("PHONE", "+351 912 345 678", "{}"),
        ("PHONE", "+420 601 234 567", "{}"),
        ("PHONE", "+358 40 1234567", "{}"),
        ("PHONE", "0049 30 1234567", "aus dem Ausland {}"),
        ("PHONE", "0033 6 12 34 56 78", "{}"),
        ("PHONE", "030 12345678", "Sie erreichen mich unter {}."),
        ("PHONE", "(030) 1234567", "Büro {}"),
        ("PHONE", "0151 23456789", "oder mobil {}"),
        ("PHONE", "0171/1234567", "{}"),
        ("PHONE", "089-123456-78", "{}"),
        ("PHONE", "015112345678", "Nummer {} bitte"),
        ("PHONE", "01 23 45 67 89", "Mon numéro est le {}, merci"),
        ("PHONE", "06.12.34.56.78", "{}"),
        ("PHONE", "0612345678", "Joignable au {} le soir"),
        ("PHONE", "020 7946 0958", "call {}"),
        ("PHONE", "07700 900123", "text {}"),
        ("PHONE", "(01632) 960 001", "{}"),
        ("PHONE", "06-12345678", "bel {}"),
        ("PHONE", "020-1234567", "{}"),
        ("PHONE", "0664 1234567", "{}"),
        ("PHONE", "044 668 18 00", "{}"),
        ("PHONE", "0470 12 34 56", "{}"),
        ("PHONE", "02 123 45 67", "{}"),
        ("PHONE", "06 1234567", "Roma {}"),
        ("PHONE", "333 1234567", "Chiamami al {}"),
        ("PHONE", "347 123 4567", "{}"),
        ("PHONE", "612 345 678", "Llámame al {}."),
        ("PHONE", "612 34 56 78", "{}"),
        ("PHONE", "91 123 45 67", "{}"),
        ("PHONE", "601-234-567", "{}"),
        ("PHONE", "22 123 45 67", "Warszawa {}"),
        ("PHONE", "(212) 555-0123", "Call {} now"),
        ("PHONE", "212-555-0123", "{}"),
        ("PHONE", "212.555.0123", "{}"),
        ("PHONE", "1234567", "Tel. {}"),
        ("PHONE", "12 34 56 78", "Telefon: {}"),
        ("PHONE", "3331234567", "cellulare: {}"),
        ("PHONE", "612345678", "Teléfono {}"),
        ("PHONE", "212-555-0199", "Phone number: {}"),
        ("PHONE", "２１２-５５５-０１２３", "{}"),
        ("PHONE", "+49\u00a030\u202f1234567", "Tel {}"),
        ("PHONE", "030\u20111234567", "{}"),
        ("IBAN", "DE89370400440532013000", "IBAN {}"),
        ("IBAN", "DE89 3704 0044 0532 0130 00", "IBAN: {}, bitte"),
        ("IBAN", "FR14 2004 1010 0505 0001 3M02 606", "{}."),
        ("IBAN", "GB29 NWBK 6016 1331 9268 19", "{}"),
        ("IBAN", "NL91ABNA0417164300", "{}"),
        ("IBAN", "NO93 8601 1117 947", "{}"),
        ("IBAN", "MT84 MALT 0110 0001 2345 MTLC AST0 01S", "{}"),
        ("IBAN", "IT60 X054 2811 1010 0000 0123 456", "{}"),
        ("IBAN", "pl61 1090 1014 0000 0712 1981 2874", "{}"),
        ("IBAN", "AT61-1904-3002-3457-3201", "{}"),
        ("IBAN", "CH93\u00a00076\u00a02011\u00a06238\u00a05295\u00a07", "{}"),
        ("IBAN", "BE68 5390 0754 7034", "{} und danach"),
        ("CARD", "4111 1111 1111 1111", "Visa {}"),
        ("CARD", "4111111111111111", "{}"),
        ("CARD", "4012-8888-8888-1881", "{}"),
        ("CARD", "5555555555554444", "{}"),
        ("CARD", "2223003122003222", "{}"),
        ("CARD", "3782 822463 10005", "Amex {}"),
        ("CARD", "30569309025904", "{}"),
        ("CARD", "6011111111111117", "{}"),
        ("CARD", "3530111333300000", "{}"),
        ("CARD", "6759649826438453", "{}"),
        ("CARD", "5019717010103742", "{}"),
        ("CARD", "6240008631401148", "{}"),
        ("IP", "192.168.1.20", "from {} at noon"),
        ("IP", "8.8.8.8", "{}:53"),
        ("IP", "10.0.0.7", "http://{}/path"),
        ("IP", "2001:db8:85a3::8a2e:370:7334", "[{}]:443"),
        ("IP", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "{}"),
        ("IP", "fe80::1%eth0", "{}"),
        ("IP", "::ffff:192.0.2.128", "mapped {}"),
        ("IP", "2001:db8::/32", "{}"),
        ("IP", "fd00:1234::1", "ULA {}."),
        ("SECRET", "sk-eude1-k7f3a9-3kd93kd93kd93kd9aa11", "key {}"),
        ("SECRET", "sk-proj-abc123DEF456ghi789JKL", "OPENAI_API_KEY={}"),
        ("SECRET", "sk-ant-api03-AbC123dEf456-_789", "{}"),
        ("SECRET", "AKIAIOSFODNN7EXAMPLE", "aws {}"),
        ("SECRET", "ASIAIOSFODNN7EXAMPLE", "aws_access_key_id={}"),
        ("SECRET", "ghp_" + A40[:36], "{}"),
        ("SECRET", "github_pat_" + A40[:22] + "_" + (A40 * 2)[:59], "{}"),
        ("SECRET", "glpat-" + A40[:20], "{}"),
        ("SECRET", "xoxb-123456789012-123456789012-" + A40[:24], "{}"),
        ("SECRET", "AIza" + A40[:35], "key={}"),
        ("SECRET", "sk_live_" + A40[:24], "{}"),
        ("SECRET", "npm_" + A40[:36], "{}"),
        ("SECRET", "dop_v1_" + DIGITS64, "{}"),
        ("SECRET", "123456789:AA" + A40[:33], "{}"),
        ("SECRET", jwt({"alg": "HS256", "typ": "JWT"}), "Authorization: Bearer {}"),
        ("SECRET", PEM, "key:\n{}\nend"),
        ("SECRET", PEM.replace("\n", "\\n"), '{{"key": "{}"}}'),
        ("SECRET", PEM.replace("RSA ", "").partition("\n-----END")[0], "cut off {}"),
    ],
)  # fmt: skip
def test_found_exactly(kind: str, value: str, template: str) -> None:
    assert found(template.format(value)) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "@property\ndef name(self): ...",
        "user@localhost",
        "icon@2x.png",
        "lodash@4.17.21",
        "a @ b.com",
        "Order 4711-0815-2342",
        "Order no. 0301234567",
        "Bestellnummer: 0301234567",
        "Rechnung Nr. 030 1234567",
        "Kundennummer 0612345678",
        "order_id=0612345678",
        "Invoice #212-555-0123",
        "ISBN 0306406152",
        "on 01.02.2024 at 10:15",
        "am 01.02.2024 10:15 Uhr",
        "2024-01-02T03:04:05+01:00",
        "2024-01-02 03:04:05.678901",
        "von 01.02.2024 - 05.03.2024",
        "01-05.03.2024",
        "geöffnet 09.00-17.30 12 Uhr",
        "0.12345678",
        "52.5200, 13.4050",
        "1,234,567.89",
        "612.345.678 EUR",
        "612 345 678 €",
        "678 123 456 zł",
        "12 345 678",
        "1700000000",
        "1700000000000",
        "d41d8cd98f00b204e9800998ecf8427e",
        "550e8400-e29b-41d4-a716-446655440000",
        "mobile version 120.0.6099.109",
        "the phone costs 1299.99 EUR",
        "Mobile revenue grew to 20 000 000 dollars",
        "phone in 2019-2021",
        "@@ -1234567,8 +1234567,9 @@",
        "x = 3 + 4911; y = 00",
        "+1",
        "DE89370400440532013001",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "AB12CDEF34567890",
        "4111 1111 1111 1112",
        "4111111111111",
        "1111 1111 1111 1111",
        "41 11 11 11 11 11 11 11",
        "4006381333931",
        "version 1.2.3.4",
        '"version": "1.2.3.4"',
        "app_version=1.2.3.4",
        'AssemblyVersion("1.2.3.4")',
        '<pkg version="1.2.3.4"/>',
        "library==1.2.3.4",
        "verzió: 1.2.3.4",
        "wersja 1.2.3.4",
        "verze 1.2.3.4",
        "версия 1.2.3.4",
        "έκδοση 1.2.3.4",
        "versio 1.2.3.4",
        "versjon 1.2.3.4",
        "Firmware-Version Nr. 1.2.3.4",
        "v1.2.3.4",
        "Chrome/120.0.0.0",
        "1.3.6.1.4.1",
        "256.1.2.3",
        "01.02.03.04",
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.0",
        "::1",
        "std::vector<int>",
        "12:30:45",
        "a[1::2]",
        "use face::add;",
        "HTML5 specs section 8.2.4.44",
        "h = h * 69069 + 907133923",
        "digits = '0123456789'",
        "+6073641856.9",
        "Sendung 0034 0434 1234 5678 9012",
        "DE89 3704 0044 0532 0130 01",
        "573763426263223371, -573763426263223372",
        "sk-learn-estimator-doc-link-tooltip",
        "task-0123456789abcdefghij",
        "AKIA is a prefix",
        "eyJhbGciOiJub25l",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "",
        " ",
        "\ud800",
    ],
)
def test_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("language", "number"),
    [("it", "3331234567"), ("es", "612345678"), ("es-MX", "612345678"), ("pl", "601234567"), ("da", "21 27 43 63")],
)
def test_bare_national_numbers_need_the_language(language: str, number: str) -> None:
    text = f"x {number} y"

    assert found(text) == []
    assert found(text, "de") == []
    assert found(text, language) == [("PHONE", number)]
    assert found(f"order {number}", language) == []


def test_a_token_with_a_valid_checksum_is_certain() -> None:
    valid = with_github_checksum("ghp_", A40[:30])

    (certain,) = REDACTOR.find(valid)
    (likely,) = REDACTOR.find(valid[:-1] + ("a" if valid[-1] != "a" else "b"))

    assert certain.score == 1
    assert likely.score < 1
    assert REDACTOR.find(f"key={tokens.issue('eude1')}")[0].score == 1
    assert REDACTOR.find("IBAN DE89370400440532013000")[0].score == 1
    assert {finding.layer for finding in REDACTOR.find(valid)} == {"patterns"}


def iban(country: str, account: str) -> str:
    rearranged = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{country}{98 - int(rearranged) % 97:02}{account}"


@pytest.mark.parametrize("country", LENGTHS)
def test_every_countrys_iban_has_its_length_and_check_digits(country: str) -> None:
    account = ("7" + A40.upper() * 2)[: LENGTHS[country] - 4]
    good = iban(country, account)

    assert found(good) == [("IBAN", good)]
    assert found(" ".join(good[place : place + 4] for place in range(0, len(good), 4)))[0][0] == "IBAN"
    assert "IBAN" not in dict(found(iban(country, account + "1")))
    assert "IBAN" not in dict(found(good[:4] + "8" + good[5:]))
    assert "IBAN" not in dict(found(good[:4] + good[5] + good[4] + good[6:]))


@settings(max_examples=200, deadline=None)
@given(st.integers(10**14, 10**15 - 1))
def test_of_ten_card_numbers_one_has_the_check_digit(account: int) -> None:
    candidates = [f"4{account % 10**14:014}{digit}" for digit in range(10)]

    assert sum(found(candidate) == [("CARD", candidate)] for candidate in candidates) == 1


@settings(max_examples=500, deadline=None)
@given(
    st.text(st.characters(), max_size=200),
    st.sampled_from(["", "anna@example.com", "\U0001d7d8\U0001d7db\U0001d7d8 1234567"]),
)
def test_any_text_can_be_scanned(text: str, value: str) -> None:
    redacted, placeholders = REDACTOR.redact(text + " " + value)

    masked = {"CARD", "SECRET"} & placeholders.evidence.replaced.keys()
    assert masked or placeholders.restore(redacted) == text + " " + value


def test_many_findings_in_one_text() -> None:
    text = (
        "Anna <anna@example.com>, Tel. 030 1234567, mobil +49 171 1234567; IBAN DE89 3704 0044 0532 0130 00, "
        "card 4111 1111 1111 1111 12/27, from 10.1.2.3 and 10.1.2.4."
    )

    assert found(text) == [
        ("NAME", "Anna"),
        ("EMAIL", "anna@example.com"),
        ("PHONE", "030 1234567"),
        ("PHONE", "+49 171 1234567"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("CARD", "4111 1111 1111 1111"),
        ("IP", "10.1.2.3"),
        ("IP", "10.1.2.4"),
    ]


def test_a_weaker_finding_is_cut_where_a_certain_one_begins() -> None:
    assert found("030 12345 4111 1111 1111 1111")[-1] == ("CARD", "4111 1111 1111 1111")


def test_the_shadow_does_not_move_offsets() -> None:
    text = "👩‍👩‍👧 e\u0301te\u0301 \u200b— „Grüße“ an anna@example.com und ＋４９ ３０ １２３４５６７８, Łódź"

    assert found(text) == [("EMAIL", "anna@example.com"), ("PHONE", "＋４９ ３０ １２３４５６７８")]


@pytest.mark.parametrize("text", ["01292325", "Order 01292325", "ring 01292325 or 01292325", "0129 2325"])
def test_a_text_may_end_in_a_short_number(text: str) -> None:
    found = Redactor().find(text)

    assert all(0 <= finding.start < finding.end <= len(text) for finding in found)
