"""Entries that are filled into a form are those that would have been made without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import Action
from audit.entry import EntryActor, inference_entry
from inference.gateway.forms import Forms

ACTOR = EntryActor(auth="key", id=None, key="key_eude1_" + "1" * 32, type="key")
ORGANIZATION, WORKSPACE = "org_eude1_" + "2" * 32, "ws_eude1_" + "3" * 32
words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,30}", fullmatch=True)
numbers = st.integers(0, 2**53 - 1)


class After(msgspec.Struct):
    lane: str
    model: str
    redactions: dict[str, int]
    tokens: int


@given(
    entry=st.uuids(),
    request_=st.uuids(),
    at=st.datetimes(timezones=st.just(UTC)),
    after=st.builds(After, lane=words, model=words, redactions=st.dictionaries(words, numbers), tokens=numbers),
    scope=st.sampled_from(["inference:chat", "inference:embeddings"]),
)
def test_a_filled_form_is_the_canonical_entry(
    entry: UUID, request_: UUID, at: datetime, after: After, scope: str
) -> None:
    forms = Forms(cell="eude1", organization=ORGANIZATION, workspace=WORKSPACE, actor=ACTOR)
    filled = forms.requested(scope).body(entry=entry, request=request_, at=at, after=after)
    plain: dict[str, Any] = msgspec.to_builtins(after)
    made = inference_entry(
        action=Action.INFERENCE_REQUESTED,
        id=entry,
        request=request_,
        at=at,
        cell="eude1",
        organization=ORGANIZATION,
        workspace=WORKSPACE,
        actor=ACTOR,
        scope=scope,
        after=plain,
    )
    assert filled == made.body()
    assert filled == rfc8785.dumps(json.loads(filled))
