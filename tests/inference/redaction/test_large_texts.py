from __future__ import annotations

import time

import pytest

from inference.redaction import Redactor, context


def test_what_was_looked_at_is_let_go() -> None:
    Redactor().find("name;passport\nAnna;123456789")

    assert context._SIGHT.shadow is None
    assert not context._SIGHT.answers


def rows(count: int) -> str:
    return "id;name;geburtsdatum\n" + "".join(f"{row};Anna;{row % 28 + 1:02}.05.1985\n" for row in range(count))


def test_a_table_of_a_megabyte_is_linear() -> None:
    redactor = Redactor()
    redactor.prepare()
    small, large = rows(5_000), rows(45_000)
    assert len(large) > 1_000_000 - 50_000

    start = time.process_time()
    assert len(redactor.find(small)) == 2 * 5_000
    middle = time.process_time()
    assert len(Redactor(max_characters=2_000_000).find(large)) == 2 * 45_000
    end = time.process_time()

    # A quiet core needs a second for the large one; nine times the rows must not cost much more than nine times the work.
    assert end - middle < 10
    assert end - middle < 20 * (middle - start) + 0.2


@pytest.mark.parametrize(
    "unit",
    [
        *('{"born":[', "1.1.90,", "born 1.1.1990 ", "passport 1234567 ", "1,2\n", "born,1.1.90\n", "<born a='", "born: ", "('"),
        *("vin passport plate kvnr führerschein born 1 ", "B-MW 1234 ", "plate B-M", "P<UTOAAAAAAAAAAAAAAAAAAAAAAA", "|1.1.90|\n"),
        *('"born": "1.1.1990", ', "1 jan 1990 ", "0;1.1.1990;\n1.1.1990\n", "passport AB1C", "WVWZZZ1JZ3W386752"),
    ],
)  # fmt: skip
def test_hostile_repetition_stays_linear(unit: str) -> None:
    redactor = Redactor()
    redactor.prepare()
    text = (f"born passport plate {unit * 200_000}")[:200_000]

    start = time.process_time()
    redactor.redact(text)

    # Up to 40 µs a value at the very worst; quadratic behaviour would take minutes.
    assert time.process_time() - start < 8
