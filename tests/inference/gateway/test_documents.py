from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from inference.gateway.documents import MAX_DEPTH, parts, rewritten, texts_of, with_texts

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_a_document_with_its_own_texts_is_itself(value: object) -> None:
    assert with_texts(value, iter(texts_of(value))) == value
    text = json.dumps(value)
    assert rewritten(text, iter(parts(text))) == text


@given(VALUES)
def test_every_text_can_be_replaced(value: object) -> None:
    changed = with_texts(value, iter(f"#{number}" for number, _ in enumerate(texts_of(value))))
    assert all(text.startswith("#") for text in texts_of(changed) if not text.lstrip("-").replace(".", "").isdigit())


def test_what_an_escape_hides_is_seen() -> None:
    text = '{"to": "anna\\u0040example.org", "n": [491701234567, 12, true]}'
    assert parts(text) == ["to", "anna@example.org", "n", "491701234567"]
    assert json.loads(rewritten(text, iter(["to", "[[EMAIL_1]]", "n", "[[PHONE_1]]"]))) == {
        "to": "[[EMAIL_1]]",
        "n": ["[[PHONE_1]]", 12, True],
    }


def test_what_is_no_plain_document_is_one_text() -> None:
    deep = "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)
    for text in ("", "plain", "12", '{"a": 1, "a": 2}', '{"broken', deep, "[" * 100_000):
        assert parts(text) == [text]
        assert rewritten(text, iter(["other"])) == "other"
