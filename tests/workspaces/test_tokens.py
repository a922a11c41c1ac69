from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.tokens import ALPHABET, MalformedToken, Token, hash_secret, issue, parse, verify


def test_a_token_comes_back_from_its_text() -> None:
    token = issue("eude1")

    text = str(token)

    assert parse(text) == token
    assert text.startswith(f"sk-eude1-{token.key_id}-")
    assert len(text) == len("sk-eude1-") + 12 + 1 + 38


def test_no_two_tokens_share_an_id_or_a_secret() -> None:
    tokens = [issue("eude1") for _ in range(200)]

    assert len({token.key_id for token in tokens}) == len({token.secret for token in tokens}) == 200


@given(position=st.integers(0, 59), character=st.sampled_from(ALPHABET + "-_ é"))
def test_one_wrong_character_is_always_noticed(position: int, character: str) -> None:
    text = str(Token("eude1", "0123456789Ab", "x" * 32))
    wrong = text[:position] + character + text[position + 1 :]

    if wrong == text:
        return
    with pytest.raises(MalformedToken):
        parse(wrong)


@pytest.mark.parametrize("text", ["", "sk-1", "Bearer", "sk-eude1-short-short", "sk-EU-" + "a" * 60, "é" * 60])
def test_what_is_no_token_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(MalformedToken) as caught:
        parse(text)

    assert not text or text not in str(caught.value)


def test_a_secret_fits_its_own_hash_only() -> None:
    one, other = issue("eude1"), issue("eude1")
    stored = hash_secret(one.secret, b"pepper")

    assert verify(one.secret, stored, b"pepper")
    assert not verify(other.secret, stored, b"pepper")
    assert not verify(one.secret, stored, b"other pepper")


def test_a_secret_is_in_no_representation() -> None:
    token = issue("eude1")

    assert token.secret not in repr(token)
    assert token.secret not in token.prefix
