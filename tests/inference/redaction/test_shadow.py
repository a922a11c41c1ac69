from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference.redaction import Redactor
from inference.redaction.shadow import cast

LETTERS = "aZ09 .-@äÿ×\xa0\xad\u200b\u2011\u202fłŻđƒαΩжЯ９＠中文\U0001d7d9😀\ud800\udfff"


def one_by_one(text: str) -> str:
    return "".join(cast(character).text for character in text)


@given(st.text(st.sampled_from(LETTERS)) | st.text())
@example("ł" * 100)
@example("α中😀ж" * 9)
@example("".join(chr(256 * page) for page in range(1, 40)))
def test_the_fold_of_a_text_is_the_folds_of_its_characters(text: str) -> None:
    shadow = cast(text)

    assert shadow.text == one_by_one(text)
    assert shadow.data == shadow.text.encode("latin-1")
    assert len(shadow.text) + len(shadow.drops) == len(text)


@given(st.text(st.sampled_from(LETTERS), min_size=1))
def test_a_span_leads_back_to_the_characters_it_came_from(text: str) -> None:
    shadow = cast(text)

    for place in range(len(shadow.text)):
        start, end = shadow.original(place, place + 1)
        assert cast(text[start:end]).text == shadow.text[place]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("\uff10\uff11\u0663\u0968", "0132"),
        ("a\u00a0b\u202fc\u3000d", "a b c d"),
        ("1\u20112\u20133\u22124", "1-2-3-4"),
        ("a\u200bb\u00adc\u0301d", "abcd"),
        ("Żółć Łódź", "Zólc Lódz"),
        ("ΑΦΜ ЕГН", "AFM EGN"),
        ("x\u2028y", "x\ny"),
        ("☃", "\x1a"),
    ],
)
def test_what_folds(text: str, folded: str) -> None:
    assert cast(text).text == folded


@pytest.mark.parametrize(
    "text", ["Grüße aus Köln. ", "Zażółć gęślą jaźń. ", "Καλημέρα σας. ", "Добър ден. ", "你好。", "😀 ok "]
)
def test_no_script_is_slow(text: str) -> None:
    long = text * (100_000 // len(text))
    cast(long)

    start = time.process_time()
    cast(long)

    # Several times what a quiet machine needs.
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (r'{"to": "anna\u0040example.org"}', '{"to": "[[EMAIL_1]]"}'),
        (r"\u0061nna@example.or\u0067!", "[[EMAIL_1]]!"),
        (r"Herr Andr\u00e9 M\u00fcller, Herr \u0141ukasz Nowa\u006B.", "Herr [[NAME_1]], Herr [[NAME_2]]."),
        (r'"{\"mail\": \"anna\\u0040example.org\"}"', r'"{\"mail\": \"[[EMAIL_1]]\"}"'),
        (r"DE89\u00203704\u200b0044 0532 0130 00", "[[IBAN_1]]"),
        (r"C:\users\u00e9 \ud83d\ude00 \udead \u12", r"C:\users\u00e9 \ud83d\ude00 \udead \u12"),
    ],
)
def test_escapes_hide_nothing(text: str, redacted: str) -> None:
    made, placeholders = Redactor().redact(text)

    assert made == redacted
    assert placeholders.restore(made) == text


def test_an_escaped_placeholder_gets_the_request_its_nonce() -> None:
    redacted, _ = Redactor().redact(r"\u005b\u005bEMAIL_1\u005d\u005d anna@example.org")

    assert "[[EMAIL_1]]" not in redacted and "[[EMAIL_1_" in redacted


def test_a_megabyte_of_escapes_is_linear() -> None:
    began = time.process_time()
    Redactor().redact(r"\u0041" * 160_000)
    Redactor().redact("\\" * 900_000 + "u0041")

    assert time.process_time() - began < 8
