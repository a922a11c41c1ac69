from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import canonical
from audit.verifier import entries
from audit.verifier.verdict import Tampered
from tests.audit.logs import Log
from tests.audit.verifier.spellings import respelled

LOG = Log().grow(1)
ENTRY = canonical.loads(LOG.bodies[0])
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "before", "after", "workspace", "}"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_changed = st.none() | st.dictionaries(st.sampled_from(["before", "cell", "v", 'a"', "},"]), _values, max_size=4)


def _quickly(body: bytes, workspace: str = LOG.workspace) -> str | None:
    try:
        return entries.identities([body], workspace)[0].decode()
    except Tampered:
        return None


def _by_parsing(body: bytes, workspace: str = LOG.workspace) -> str | None:
    try:
        entry = entries.parse(body)
    except Tampered:
        return None
    return str(entry["id"]) if entry["workspace"] == workspace else None


@given(_changed, _changed, st.text(max_size=8))
def test_the_quick_way_says_what_parsing_says(before: object, after: object, workspace: str) -> None:
    body = canonical.dumps(ENTRY | {"before": before, "after": after, "workspace": workspace})

    assert _quickly(body, workspace) == _by_parsing(body, workspace) == ENTRY["id"]


def test_no_other_spelling_passes_either_way() -> None:
    chance = random.Random(7)
    bodies = [respelled(chance, Log().entry(words=["a", "b"], counts={"x": 1, "y": 2})) for _ in range(2000)]

    assert {(_quickly(body), _by_parsing(body)) for body in bodies} == {(None, None)}


@pytest.mark.parametrize("deep", [62, 63, 64, 70])
def test_both_count_the_same_depth(deep: int) -> None:
    nested = b'{"a":' * deep + b"{}" + b"}" * deep
    body = LOG.bodies[0].replace(b'"before":null', b'"before":' + nested)

    assert _quickly(body) == _by_parsing(body) == (ENTRY["id"] if deep < 64 else None)


@pytest.mark.parametrize(
    "members",
    [
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"id": None},
        {"id": 5},
        {"action": None},
        {"workspace": 5},
        {"workspace": []},
        {"after": []},
        {"after": "x"},
        {"more": None},
    ],
)
def test_members_of_another_type_are_refused(members: dict[str, object]) -> None:
    body = canonical.dumps(ENTRY | members)

    assert (_quickly(body), _by_parsing(body)) == (None, None)


@pytest.mark.parametrize("name", sorted(ENTRY))
def test_a_member_less_is_refused(name: str) -> None:
    body = canonical.dumps({key: value for key, value in ENTRY.items() if key != name})

    assert (_quickly(body), _by_parsing(body)) == (None, None)
