from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from inference.redaction import Redactor, ScanFailed
from inference.redaction.context import Words
from inference.redaction.patterns import Pattern
from inference.redaction.scan import Scanner

PROSE = "The quick brown fox wrote 15 letters in 2024, and nobody answered any of them; it did not mind. "
DENSE = "anna@example.com, Tel. 030 1234567, DE89 3704 0044 0532 0130 00, 10.1.2.3. Then came a sentence without any. "


def microseconds(work: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1e6

    return statistics.median(once() for _ in range(200))


def test_threads_share_one_scanner() -> None:
    scanner = Redactor()
    text = (PROSE + DENSE) * 20
    expected = scanner.find(text)
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.extend(scanner.find(text) == expected for _ in range(50))
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [True] * 200


def test_threads_may_meet_at_the_first_use() -> None:
    program = """
import threading
from inference.redaction import Redactor
barrier, found = threading.Barrier(4), []
def work():
    barrier.wait()
    found.append(len(Redactor().find("anna@example.com")))
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert found == [1] * 4, found
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_failing_check_fails_closed_and_quotes_nothing() -> None:
    def verify(shadow: str, start: int, end: int, language: str | None) -> None:
        raise ValueError(shadow)

    with pytest.raises(ScanFailed) as failure:
        Scanner([Pattern("broken", "EMAIL", "anna", verify)]).scan("I am anna", None, frozenset())

    assert "broken" in str(failure.value)
    assert "anna" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


def test_patterns_that_share_a_trigger_each_judge_it() -> None:
    seen: list[str] = []

    def judge(name: str) -> Pattern:
        return Pattern(name, "EMAIL", "anna", lambda _, start, end, __: seen.append(name) or (start, end, 0.5))

    scan = Scanner([judge("one"), Pattern("other", "IP", "bob", lambda *_: None), judge("two")]).scan(
        "bob, anna", None, frozenset()
    )

    assert seen == ["one", "two"]
    assert scan.spans == [(5, 9, "EMAIL", 0.5, "patterns")] * 2, "both judged; which stays is settled later"


def test_nothing_is_looked_for_inside_what_check_digits_vouch_for() -> None:
    def sure(shadow: str, start: int, end: int, language: str | None) -> tuple[int, int, float]:
        return start, start + 9, 1.0

    def likely(shadow: str, start: int, end: int, language: str | None) -> tuple[int, int, float]:
        asked.append(start)
        return start, end, 0.7

    asked: list[int] = []
    scanner = Scanner([Pattern("sure", "IBAN", "DE1", sure), Pattern("likely", "PHONE", "0[0-9]", likely)])

    scan = scanner.scan("01 DE1 02 03 04", None, frozenset())

    assert [span[:4] for span in scan.spans] == [(0, 2, "PHONE", 0.7), (3, 12, "IBAN", 1.0), (13, 15, "PHONE", 0.7)]
    assert asked == [0, 13]


def test_what_lies_in_a_value_comes_after_it_however_soon_it_ends() -> None:
    def sure(shadow: str, start: int, end: int, language: str | None) -> tuple[int, int, float]:
        return start, end, 1.0

    def never(shadow: str, start: int, end: int, language: str | None) -> None:
        raise AssertionError("asked of a part of the value")

    scanner = Scanner([Pattern("part", "PHONE", "[0-9]{4}", never), Pattern("whole", "IBAN", "DE1 [0-9 ]{9}", sure)])

    assert [span[:3] for span in scanner.scan("an DE1 2345 6789.", None, frozenset()).spans] == [(3, 16, "IBAN")]


def gated(*, sign: str = "", words: Words | None = None) -> Scanner:
    return Scanner(
        [Pattern("gated", "IP", "[0-9]{3}", lambda _, start, end, __: (start, end, 0.5), sign=sign, words=words)]
    )


@pytest.mark.parametrize(
    ("scanner", "opening"), [(gated(sign="a{3}"), "aaa"), (gated(words=Words("Ausweis", "né le")), "ausweis")]
)
def test_a_trigger_behind_a_gate_is_looked_for_only_where_the_gate_matches(scanner: Scanner, opening: str) -> None:
    closed = scanner.scan("123 aa né", None, frozenset())
    opened = scanner.scan(f"123 and {opening}", None, frozenset())

    assert closed.spans == []
    assert [span[:3] for span in opened.spans] == [(0, 3, "IP")]


def test_a_gate_that_is_far_away_is_open_where_lines_are_joined() -> None:
    pattern = Pattern("wrapped", "IBAN", "[0-9]{4} [0-9]{4}", lambda _, start, end, __: (start, end, 1.0), sign="xyz")

    scan = Scanner([pattern]).scan(f"xyz{'.' * 400}1234\n5678", None, frozenset())

    assert [span[:2] for span in scan.spans] == [(403, 412)]


def test_an_invalid_pattern_fails_closed() -> None:
    with pytest.raises(ScanFailed, match="compiling the patterns"):
        Scanner([Pattern("broken", "EMAIL", "(", lambda *_: None)]).compile()


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1", "[", "[[", "@", "a@", "a@a.", "eyJAAAAAAAAAA-", "eyJAAAAAAAAAAA.", "1.", "1:", "::", "+49 ", "0", "01 "),
        *("-----BEGIN PRIVATE KEY-----", "sk-aaaaaaaaaaaaaaaaa1 ", "tel ", "tel 1234567 ", "DE12", "4111 ", "\u200b", "＠", "é"),
        *("[[EMAIL_1]]", "\ud800", "0 ", "( 0", "00", "-sk-", "1/", "Tel. +"),
        *("1\n2", "12\n", "DE89 3704\n", "a=\n", "password=", "password: a", 'token="', "://a:", "://a:b@", ";pwd=x", "AB:", "00:"),
        *("1.2345,", "52\xb0 1'", "0x1.", "BIC: ", "DEUTDEFF ", "bearer aaaaaaaaaaaa", "?key=", "1.1.1[.]1", "A" * 64),
        *("PuTTY-User-Key-File-2: "),
    ],
)  # fmt: skip
def test_hostile_repetition_stays_linear(unit: str) -> None:
    scanner = Redactor()
    scanner.prepare()
    text = (unit * 200_000)[:200_000]

    start = time.process_time()
    scanner.redact(text)

    # Some ten microseconds a character at the very worst; quadratic behaviour would take minutes.
    assert time.process_time() - start < 8


def test_speed_is_in_the_promised_region() -> None:
    scanner = Redactor()
    scanner.prepare()
    prose = (PROSE * 30)[:2048]
    dense = (DENSE * 30)[:2048]
    _, placeholders = scanner.redact(dense)
    stream = placeholders.stream()

    # The bounds are several times what a quiet machine needs, so that a busy one passes.
    assert microseconds(lambda: scanner.redact(prose)) < 800
    assert microseconds(lambda: scanner.redact(dense)) < 20_000
    assert microseconds(lambda: [stream.feed(" token") for _ in range(100)]) < 500


def test_the_library_needs_neither_django_nor_torch() -> None:
    program = (
        "import sys; import inference.redaction; "
        "assert not {'django', 'torch', 'cell', 'msgspec'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
