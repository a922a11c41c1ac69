from __future__ import annotations

import json

import pytest

from inference.gateway.calls import Argued, Opened, Said
from inference.gateway.replies import Reply
from inference.redaction import Evidence, PlaceholderMap

NAME = 'Bob "the\n\\builder"'
PLACEHOLDERS = PlaceholderMap({"[[NAME1]]": NAME}, Evidence(1, {}, {}))


def read(reply: Reply, text: str, size: int) -> tuple[str, list[str]]:
    pieces = [piece for start in range(0, len(text), size) for piece in reply.feed(text[start : start + size])]
    pieces += reply.finish()
    arguments = ["" for piece in pieces if isinstance(piece, Opened)]
    for piece in pieces:
        if isinstance(piece, Argued):
            arguments[piece.index] += piece.text
    return "".join(piece.text for piece in pieces if isinstance(piece, Said)), arguments


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_values_are_put_back_as_each_channel_writes_them(size: int) -> None:
    call = '<tool_call>\n{"name": "f", "arguments": {"to": "[[NAME_1]]", "cc": "[[NAME_2]]"}}\n</tool_call>'

    said, arguments = read(Reply(PLACEHOLDERS, calls=True, in_json=False), f"For [[NAME_1]]: {call}\n{call}", size)
    assert said == f"For {NAME}: "
    assert [json.loads(one) for one in arguments] == [{"to": NAME, "cc": "[[NAME_2]]"}] * 2

    said, _ = read(Reply(PLACEHOLDERS, calls=False, in_json=True), '{"to": "[[NAME_1]]"}', size)
    assert json.loads(said) == {"to": NAME}


@pytest.mark.parametrize("size", [1, 1000])
def test_a_placeholder_cut_by_the_end_or_by_a_call_is_text(size: int) -> None:
    call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    assert read(Reply(PLACEHOLDERS, calls=True, in_json=False), f"To [[NAME_{call}", size) == ("To [[NAME_", ["{}"])
    assert read(Reply(PLACEHOLDERS, calls=True, in_json=False), "To [[NAME_", size) == ("To [[NAME_", [])
    assert read(Reply(None, calls=True, in_json=False), f"To {call}", size) == ("To ", ["{}"])
