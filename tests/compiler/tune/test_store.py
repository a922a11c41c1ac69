from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.tune.journal import Journal
from compiler.tune.row import CorruptRow, Row, row_from
from compiler.tune.statistics import Comparison
from compiler.tune.store import Store
from tests.compiler.tune.tunables import NEXT_DRIVER, Landscape, key_for

KEY = key_for(Landscape())
HEADER = {"kind": "begin", "key": "k"}
RECORDS = [{"kind": "trial", "candidate": {"tile": 8 << n}, "samples": [n, n + 1]} for n in range(4)]


def row(ended: str = "2026-08-22T10:00:00+00:00", tile: int = 64) -> Row:
    comparison = Comparison(0.8, 0.78, 0.83, 0.99, 31)
    samples = {"winner": [80, 81], "incumbent": [100, 101]}
    winner, incumbent = {"tile": tile}, {"tile": 16}
    return Row(
        KEY.fields(), winner, incumbent, comparison, samples, {"max_abs": 1e-7}, [], [], {"ended": ended, "by": ""}
    )


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20))
def test_a_row_reads_back_as_it_was_written(error: float, by: str) -> None:
    written = Row(**{**vars(row()), "parity": {"max_abs": error}, "provenance": {"by": by}})

    assert row_from(written.to_text(), key=KEY) == written


def test_a_row_is_there_for_its_owner_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "tuned")
    assert store.read(KEY) is None

    store.write(KEY, row())

    path = store.path(KEY)
    assert store.read(KEY) == row()
    assert list(store.rows()) == [row()]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, store.folder)] == [0o600, 0o700, 0o700]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_latest_row_under_another_driver_is_the_relative(tmp_path: Path) -> None:
    store = Store(tmp_path)
    newer = key_for(Landscape(), device=NEXT_DRIVER)
    store.write(KEY, row())

    assert store.relative(newer) == row()
    assert store.relative(KEY) is None
    assert store.relative(key_for(Landscape(), n=1024)) is None


def change_a_digit(content: bytes) -> bytes:
    return content.replace(b'"tile":64', b'"tile":32')


def as_of_another_key(content: bytes) -> bytes:
    return row_from(content.decode()).to_text().replace("512", "1024").encode()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_a_digit, "its digest does not fit"),
        (lambda content: content[: len(content) // 2], "it is not JSON"),
        (lambda content: b"", "it is not JSON"),
        (lambda content: b"\xff" + content, "can't decode"),
        (lambda content: b"[]", "not a row of format 1"),
        (lambda content: content.replace(b'"format":1', b'"format":2'), "not a row of format 1"),
        (as_of_another_key, "its digest does not fit"),
    ],
)
def test_a_damaged_row_is_refused_with_what_to_do(tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    store = Store(tmp_path)
    store.write(KEY, row())
    store.path(KEY).write_bytes(damage(store.path(KEY).read_bytes()))

    with pytest.raises(CorruptRow, match=message) as refused:
        store.read(KEY)

    assert str(store.path(KEY)) in str(refused.value)
    assert "Delete it, and the operator is tuned again" in str(refused.value)


def test_a_row_of_another_key_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    other = key_for(Landscape(), n=1024)
    store.write(KEY, row())
    store.path(other).parent.mkdir()
    os.rename(store.path(KEY), store.path(other))

    with pytest.raises(CorruptRow, match="it belongs to another key"):
        store.read(other)


def test_what_a_killed_writer_left_is_swept_and_never_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.path(KEY)
    path.parent.mkdir()
    path.with_suffix(".4711.tmp").write_text(row().to_text()[:100])
    assert (store.read(KEY), list(store.rows())) == (None, [])

    store.write(KEY, row())

    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_forgetting_leaves_nothing_to_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(KEY, row())
    store.journal(KEY, {}).close()

    store.forget(KEY)

    assert list(store.path(KEY).parent.iterdir()) == []


def test_a_person_can_read_a_row(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(KEY, row())

    fields = json.loads(store.path(KEY).read_text())

    assert fields["winner"] == {"tile": 64}
    assert fields["key"]["driver"] == "580.159.03"
    assert fields["key"]["device"]["name"] == "Imagined 9000"


@settings(max_examples=60)
@given(st.data())
def test_a_journal_cut_or_changed_anywhere_keeps_what_came_before(tmp_path_factory, data) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("journal") / "run.journal"
    with Journal(path, HEADER) as journal:
        for record in RECORDS:
            journal.append(record)
    content = bytearray(path.read_bytes())
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    at = data.draw(st.integers(ends[0] + 1, len(content) - 1))
    whole = sum(end < at for end in ends) - 1
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content[: data.draw(st.sampled_from([at, len(content)]))]))

    with Journal(path, HEADER) as journal:
        assert journal.records == RECORDS[:whole]
        journal.append({"kind": "after"})

    with Journal(path, HEADER) as again:
        assert again.records == [*RECORDS[:whole], {"kind": "after"}]
        assert again.dropped == 0


def test_a_journal_of_another_run_is_begun_anew(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.journal", HEADER) as journal:
        journal.append(RECORDS[0])

    with Journal(tmp_path / "run.journal", {**HEADER, "budget": 1}) as other:
        assert (other.records, other.dropped) == ([], 2)
