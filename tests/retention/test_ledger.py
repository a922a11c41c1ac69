from __future__ import annotations

import json
import multiprocessing

import pytest

from retention.ledger import GENESIS, Ledger, LedgerBroken


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "erasures" / "ledger.jsonl")


def put(ledger, number):
    return ledger.append(
        erasure=f"ers_eude1_{number:032x}",
        workspace="ws_eude1_" + "0" * 32,
        request=f"req_eude1_{number:032x}",
        fenced_at="2026-11-21T10:00:00.000000Z",
    )


def test_tombstones_are_chained_in_order(ledger):
    written = [put(ledger, number) for number in range(20)]
    assert list(ledger.lines()) == written
    assert written[0].previous == GENESIS
    assert [line.number for line in written] == list(range(20))


def test_an_empty_ledger_has_no_lines(ledger):
    assert list(ledger.lines()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:3] + lines[4:],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[2].replace(b"0000002", b"0000009"), *lines[3:]],
        lambda lines: [*lines[:2], lines[2].replace(b":", b": ", 1), *lines[3:]],
        lambda lines: [*lines[:2], b"{}\n", *lines[3:]],
        lambda lines: lines[1:],
    ],
)
def test_any_change_of_the_past_is_noticed(ledger, damage):
    for number in range(6):
        put(ledger, number)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(damage(lines)))
    with pytest.raises(LedgerBroken):
        list(ledger.lines())


@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_line_torn_by_a_crash_is_dropped_and_the_chain_goes_on(ledger, cut):
    first = put(ledger, 1)
    whole = ledger.path.read_bytes()
    put(ledger, 2)
    ledger.path.write_bytes(ledger.path.read_bytes()[: len(whole) + cut])
    assert list(ledger.lines()) == [first]
    again = put(ledger, 2)
    assert list(ledger.lines()) == [first, again]


def test_nothing_is_appended_to_a_broken_end(ledger):
    put(ledger, 1)
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"ws_", b"wx_") + b"{}\n")
    with pytest.raises(LedgerBroken):
        put(ledger, 2)


def _append_many(path, first):
    for number in range(first, first + 50):
        put(Ledger(path), number)


def test_several_processes_append_to_one_chain(ledger):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(ledger.path, first)) for first in (0, 100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = list(ledger.lines())
    assert len(lines) == 150
    assert len({line.request for line in lines}) == 150


def test_the_ledger_holds_ids_alone(ledger):
    put(ledger, 1)
    assert set(json.loads(ledger.path.read_text())) == {
        *("v", "number", "previous", "erasure", "workspace", "scope", "request", "subject", "before", "fenced_at")
    }
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_lines_of_version_1_are_read_and_followed(ledger):
    first = {
        "v": 1,
        "number": 0,
        "previous": "0" * 64,
        "erasure": "ers_a",
        "workspace": "ws_a",
        "request": "req_a",
        "fenced_at": "2026-01-01T00:00:00.000Z",
    }
    ledger.path.parent.mkdir(parents=True, exist_ok=True)
    ledger.path.write_text(json.dumps(first, sort_keys=True, separators=(",", ":")) + "\n")

    put(ledger, 1)

    assert [(line.v, line.scope) for line in ledger.lines()] == [(1, "request"), (2, "request")]
