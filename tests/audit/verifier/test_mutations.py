"""Each verifier is the other's oracle: both see every change, and say the same of it."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from audit.verifier.__main__ import verify
from audit.verifier.verdict import Refusal
from tests.audit.verifier.mutations import mutations
from tests.audit.verifier.second import SecondVerifier
from tests.audit.verifier.world import Case, World


def test_what_was_not_changed_is_intact_for_both(second: SecondVerifier, tmp_path: Path) -> None:
    world = World(1)

    assert [statuses(world, case, second, tmp_path) for case in world.intact] == [(0, 0)] * len(world.intact)


def test_a_sample_of_changes_is_seen_by_both(second: SecondVerifier, tmp_path: Path) -> None:
    check(World(2), 800, second, tmp_path)


@pytest.mark.proofs
@pytest.mark.parametrize("seed", range(10, 20))
def test_ten_thousand_changes_are_seen_by_both(seed: int, second: SecondVerifier, tmp_path: Path) -> None:
    check(World(seed), 1_000, second, tmp_path)


def check(world: World, count: int, second: SecondVerifier, folder: Path) -> None:
    seen: Counter[tuple[int, int]] = Counter()
    wrong = []
    for case in mutations(world, count):
        pair = statuses(world, case, second, folder)
        seen[pair] += 1
        if pair[0] == 0 or pair[0] != pair[1]:
            wrong.append((case.name, pair))

    assert wrong == []
    assert sum(seen.values()) == count
    assert set(seen) == {(1, 1), (2, 2), (3, 3)}


def statuses(world: World, case: Case, second: SecondVerifier, folder: Path) -> tuple[int, int]:
    """What the first and the second verifier say."""
    path, entry, previous = case.write(folder), folder / "entry", folder / "before"
    if case.entry is not None:
        entry.write_bytes(case.entry)
    if case.previous is not None:
        Case("", getattr(world, case.previous)).write(folder / "..").rename(previous)
    keys = [world.signer.vkey] if case.pinned else []
    given = {"entry": entry if case.entry is not None else None, "previous": previous if case.previous else None}
    try:
        verify(path, keys, **given)
        first = 0
    except Refusal as refusal:
        first = refusal.code
    answer = second.status(path, keys=keys, **{name: str(value) for name, value in given.items() if value is not None})
    for made in (path, entry, previous):
        shutil.rmtree(made, ignore_errors=True)
        made.unlink(missing_ok=True)
    return first, answer
