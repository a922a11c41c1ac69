from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import FIELDS, Action, FieldError, checked
from audit.entry import Entry, EntryActor, inference_entry, outcome_id, pseudonym, timestamp
from cell.ids import uuid7

_words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}", fullmatch=True)
_numbers = st.integers(-(2**53) + 1, 2**53 - 1)
_values = st.none() | st.booleans() | _numbers | st.text() | st.lists(st.text()) | st.dictionaries(_words, _numbers)
_fields = st.none() | st.dictionaries(_words, _values)
_optional = st.none() | st.text()
_entries = st.builds(
    Entry,
    action=st.text(),
    actor=st.builds(EntryActor, auth=st.text(), id=_optional, key=_optional, type=st.text()),
    after=_fields,
    before=_fields,
    cell=st.text(),
    detail_commit=_optional,
    id=st.text(),
    organization=_optional,
    scope=_optional,
    targets=st.lists(st.text()).map(tuple),
    time=st.text(),
    v=_numbers,
    workspace=_optional,
)


@given(_entries)
def test_the_bytes_of_an_entry_are_those_of_an_independent_rfc_8785(entry: Entry) -> None:
    assert entry.body() == rfc8785.dumps(msgspec.to_builtins(entry))


def test_an_entry_of_the_hot_path_passes_the_registry() -> None:
    request = uuid7()
    after = {"model": "bailiwick-demo-chat", "kind": "chat", "streamed": False, "redactions": {"IBAN": 1, "EMAIL": 2}}

    entry = inference_entry(
        action=Action.INFERENCE_REQUESTED,
        id=request,
        request=request,
        at=datetime(2026, 11, 21, 10, 28, 57, 496908, tzinfo=UTC),
        cell="eude1",
        organization=f"org_eude1_{'0' * 32}",
        workspace=f"ws_eude1_{'0' * 32}",
        actor=EntryActor(auth="key", id=None, key=f"key_eude1_{'0' * 32}", type="key"),
        scope="inference:chat",
        after=after,
    )

    assert checked(Action.INFERENCE_REQUESTED, after) == after
    assert msgspec.json.decode(entry.body()) == {
        "v": 1,
        "id": f"ent_eude1_{request.hex}",
        "cell": "eude1",
        "organization": f"org_eude1_{'0' * 32}",
        "workspace": f"ws_eude1_{'0' * 32}",
        "time": "2026-11-21T10:28:57.496908Z",
        "actor": {"type": "key", "id": None, "auth": "key", "key": f"key_eude1_{'0' * 32}"},
        "action": "inference.requested",
        "scope": "inference:chat",
        "targets": [f"req_eude1_{request.hex}"],
        "before": None,
        "after": after,
        "detail_commit": None,
    }


@given(st.integers(0, (1 << 62) - 1), st.integers(0, (1 << 62) - 1))
def test_the_outcome_of_a_request_has_an_id_that_no_request_has(one: int, other: int) -> None:
    first, second = (UUID(int=0x7 << 76 | 0b10 << 62 | number) for number in (one, other))

    assert outcome_id(first).version == 8
    assert (outcome_id(first) == outcome_id(second)) == (first == second)


def test_a_pseudonym_says_nothing_without_its_key() -> None:
    member = uuid7().bytes

    assert pseudonym(b"a" * 32, member) == pseudonym(b"a" * 32, member)
    assert pseudonym(b"a" * 32, member) != pseudonym(b"b" * 32, member)
    assert member.hex() not in pseudonym(b"a" * 32, member)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_read_back_to_the_microsecond(at: datetime) -> None:
    text = timestamp(at)

    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == at


def test_every_action_says_which_fields_it_shows() -> None:
    assert set(FIELDS) == set(Action)


@pytest.mark.parametrize(
    "value",
    [
        "two words",
        "someone@example.org",
        "",
        "x" * 129,
        "Zoë",
        1.5,
        2**53,
        ["fine", "not fine"],
        {"a": "b"},
        {"someone@example.org": 1},
        b"bytes",
        object(),
    ],
)
def test_a_value_that_a_person_could_have_typed_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(FieldError) as refusal:
        checked(Action.WORKSPACE_UPDATED, {"state": value})

    assert "state" in str(refusal.value)
    assert not isinstance(value, str) or not value or value not in str(refusal.value)


def test_a_field_that_the_action_does_not_list_is_refused() -> None:
    with pytest.raises(FieldError, match="'name'"):
        checked(Action.WORKSPACE_CREATED, {"name": "Payroll"})

    assert checked(Action.WORKSPACE_CREATED, {"region": "eu-de-1"}) == {"region": "eu-de-1"}


def test_sets_become_sorted_lists() -> None:
    scopes = frozenset({"keys:read", "audit:read"})

    assert checked(Action.KEY_ISSUED, {"scopes": scopes}) == {"scopes": ["audit:read", "keys:read"]}
