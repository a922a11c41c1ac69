from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cell import notes
from cell.notes import BadSignature, MalformedNote, Signer, UnknownSigner, VerifierKey, opened, sign, verify

# The example of the specification, https://c2sp.org/signed-note (as in golang.org/x/mod/sumdb/note).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=60).map(lambda line: line + "\n")


def test_published_note_verifies():
    assert verify(NOTE, [PETER]) == TEXT
    with pytest.raises(BadSignature):
        verify(NOTE.replace("answer", "Answer"), [PETER])


@given(TEXTS, st.integers(min_value=0))
def test_any_changed_character_is_noticed(text, where):
    signer = Signer.from_seed("eude1.example/log", bytes(32))
    note = sign(text, signer)
    assert verify(note, [signer.vkey]) == text
    where %= len(note)
    changed = note[:where] + ("x" if note[where] != "x" else "y") + note[where + 1 :]
    with pytest.raises(notes.NoteError):
        verify(changed, [signer.vkey])


def test_signatures_of_strangers_are_ignored_but_not_enough():
    ours, theirs = Signer.generate("ours"), Signer.generate("theirs")
    both = sign("text\n", [theirs, ours])
    assert verify(both, [ours.vkey]) == "text\n"
    with pytest.raises(UnknownSigner):
        verify(sign("text\n", theirs), [ours.vkey])
    with pytest.raises(UnknownSigner):  # the same name, another key
        verify(sign("text\n", Signer.generate("ours")), [ours.vkey])


def test_who_signed_is_told():
    one, other, third = (Signer.generate(name) for name in ("one", "other", "third"))

    text, signers = opened(sign("text\n", [one, other]), [other.vkey, third.vkey, one.vkey])

    assert (text, signers) == ("text\n", (one.verifier, other.verifier))


def test_one_bad_signature_of_a_trusted_key_fails_the_note():
    one, two = Signer.generate("one"), Signer.generate("two")
    note = "text\n\n" + one.signature_line("text\n") + two.signature_line("other\n")
    with pytest.raises(BadSignature):
        verify(note, [one.vkey, two.vkey])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("— ", "- "),
        "a\tb\n\n" + NOTE.split("\n\n")[1],
        NOTE.replace("JnAM=", "JnAN="),
        NOTE.replace("— ", "— \x01"),
    ],
)
def test_what_is_not_a_note_is_refused(note):
    with pytest.raises(MalformedNote):
        verify(note, [PETER])


@pytest.mark.parametrize(
    "vkey", ["", "a", "a+b+c", PETER[:-1], PETER.replace("c74f20a3", "c74f20a4"), "Peter X" + PETER, "\x01" + PETER]
)
def test_what_is_not_a_verifier_key_is_refused(vkey):
    with pytest.raises(MalformedNote):
        VerifierKey.parse(vkey)


def test_text_that_could_not_be_read_back_is_not_signed():
    signer = Signer.generate("name")
    for text in ("no newline", "a\rb\n", ""):
        with pytest.raises(MalformedNote):
            sign(text, signer)
    with pytest.raises(MalformedNote):
        sign("text\n", [])
    with pytest.raises(MalformedNote):
        Signer.generate("two words")
