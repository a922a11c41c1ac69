from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference.engine.stops import StopScanner


@given(
    st.lists(st.text(alphabet="ab", max_size=4), max_size=12),
    st.lists(st.text(alphabet="ab", min_size=1, max_size=4), max_size=3),
)
def test_the_text_ends_before_the_first_stop_string_however_it_is_cut(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    scanner = StopScanner(stops)

    shown = ""
    met = False
    for piece in pieces:
        out, met = scanner.push(piece)
        shown += out
        if met:
            break
    shown += "" if met else scanner.flush()

    assert met == bool(ends)
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    if not met:
        assert shown == text


def test_nothing_is_held_longer_than_needed() -> None:
    scanner = StopScanner(["<end>"])

    assert [scanner.push(piece) for piece in ["a<", "e", "x", "<end", ">tail"]] == [
        ("a", False),
        ("", False),
        ("<ex", False),
        ("", False),
        ("", True),
    ]
