from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import NotCanonical, dumps, loads

_keys = st.text(st.characters(max_codepoint=127))
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=8,
)
_documents = st.dictionaries(_keys, _values, max_size=6)


@given(_documents)
def test_the_bytes_are_those_of_an_independent_rfc_8785(document: dict[str, object]) -> None:
    data = dumps(document)

    assert data == rfc8785.dumps(document)
    assert loads(data) == document


@given(_documents.filter(bool))
def test_another_spelling_of_the_same_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(NotCanonical):
        loads(json.dumps(document, indent=1).encode())


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"1", b'{"a":1.0}', b'{"a":1e3}', b'{"a":9007199254740992}', b'{"a":NaN}', b'{"b":1,"a":1}',
             b'{"a":1,"a":1}', b'{"a":"\\u0061"}', b"\xff", b"[" * 100_000, '{"é":1}'.encode(), b'{"a":"\\ud800"}',
             b'{"a":' * 65 + b"1" + b"}" * 65, b'{"a":' * 2000 + b"1" + b"}" * 2000]
)  # fmt: skip
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        loads(data)
