from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.protocol import TOOL_CALL_CLOSE, TOOL_CALL_OPEN
from inference.gateway.calls import Argued, CallReader, Opened, Said

ARGUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.text(max_size=10) | st.integers() | st.sampled_from([TOOL_CALL_OPEN, f"}}\n{TOOL_CALL_CLOSE}", "a < b", "}}"]),
    max_size=3,
)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
SAYINGS = st.text(max_size=30).map(lambda text: text.replace(TOOL_CALL_OPEN, "")) | st.sampled_from(
    ["<tool", "<<tool_call"]
)


def written(calls: list[tuple[str, Any]]) -> str:
    return "\n".join(
        f'{TOOL_CALL_OPEN}\n{{"name": {json.dumps(name)}, "arguments": {json.dumps(arguments, indent=2)}}}\n{TOOL_CALL_CLOSE}'
        for name, arguments in calls
    )


def read(text: str, cuts: list[int]) -> tuple[str, list[tuple[str, str]], set[str]]:
    reader = CallReader()
    pieces = []
    places = sorted({0, *(cut % (len(text) + 1) for cut in cuts), len(text)})
    for start, end in pairwise(places):
        pieces += reader.feed(text[start:end])
    pieces += reader.finish()
    said = "".join(piece.text for piece in pieces if isinstance(piece, Said))
    opened = [piece for piece in pieces if isinstance(piece, Opened)]
    argued = ["" for _ in opened]
    for piece in pieces:
        if isinstance(piece, Argued):
            argued[piece.index] += piece.text
    return said, [(call.name, argued[call.index]) for call in opened], {call.id for call in opened}


@given(
    said=SAYINGS, calls=st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3), cuts=st.lists(st.integers(0), max_size=20)
)
def test_calls_are_read_however_the_text_is_cut(said: str, calls: list[tuple[str, Any]], cuts: list[int]) -> None:
    found, made, ids = read(said + written(calls), cuts)

    assert found == said
    assert [(name, json.loads(arguments)) for name, arguments in made] == calls
    assert len(ids) == len(calls) and all(one.startswith("call_") for one in ids)


@pytest.mark.parametrize("cuts", [[], list(range(200))])
def test_an_answer_that_ends_in_a_call_gives_what_there_is(cuts: list[int]) -> None:
    whole = written([("find", {"who": "Ann"})])

    assert read(whole[:-15], cuts)[1][0][1].startswith('{\n  "who": "Ann"')
    assert read(whole[:15], cuts)[:2] == ("", [])
    assert read("so <tool_ca", cuts)[:2] == ("so <tool_ca", [])
