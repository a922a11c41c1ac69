from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from cell.keys.envelope import OVERHEAD_BYTES, Context, EnvelopeError, key_id, seal, unseal

KEY, KEY_ID = AESGCM(bytes(range(32))), UUID(int=7)
HERE = Context(workspace=UUID(int=1), request=UUID(int=2), column="prompt")


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_in_its_place(plaintext):
    envelope = seal(KEY, KEY_ID, plaintext, HERE)
    assert unseal(KEY, envelope, HERE) == plaintext
    assert key_id(envelope) == KEY_ID
    assert len(envelope) == len(plaintext) + OVERHEAD_BYTES


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, workspace=uuid4()),
        replace(HERE, request=uuid4()),
        replace(HERE, column="answer"),
        replace(HERE, schema=2),
    ],
)
def test_an_envelope_does_not_open_elsewhere(elsewhere):
    envelope = seal(KEY, KEY_ID, b"text", HERE)
    assert unseal(KEY, envelope, HERE) == b"text"
    with pytest.raises(EnvelopeError):
        unseal(KEY, envelope, elsewhere)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_every_byte_is_authenticated(where, change):
    envelope = bytearray(seal(KEY, KEY_ID, b"some plaintext", HERE))
    envelope[where % len(envelope)] ^= change
    with pytest.raises(EnvelopeError):
        unseal(KEY, bytes(envelope), HERE)


@given(st.integers(min_value=0, max_value=OVERHEAD_BYTES + 3))
def test_a_truncated_envelope_is_refused(length):
    with pytest.raises(EnvelopeError):
        unseal(KEY, seal(KEY, KEY_ID, b"text", HERE)[:length], HERE)


def test_two_envelopes_of_one_text_differ():
    assert seal(KEY, KEY_ID, b"text", HERE) != seal(KEY, KEY_ID, b"text", HERE)
