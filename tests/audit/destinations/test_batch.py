from __future__ import annotations

import pytest

from audit.formats import Format, forms
from audit.formats.line import LineError
from tests.audit.destinations.batches import BODIES, batch
from tests.audit.formats.entries import LOG


@pytest.mark.parametrize("name", list(Format))
def test_a_batch_is_the_lines_of_its_entries_and_the_same_each_time(name: Format) -> None:
    (form,) = forms([name], LOG)

    made = batch(name)

    assert made == batch(name) and made.content == batch(name).content
    assert made.content == b"".join(form.line(body, seq) + b"\n" for seq, body in enumerate(BODIES, 7))
    assert [item.severity for item in made.items] == [2, 1, 5]


@pytest.mark.parametrize("key", ["", "short", "With-Capitals", "a.dot-in-it", "x" * 65, "-begins-so", "white space"])
def test_a_key_is_one_word_without_a_dot(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        batch(key=key)


def test_what_is_no_entry_is_not_sent() -> None:
    with pytest.raises(LineError):
        batch(bodies=[b"{}"])
