from __future__ import annotations

import pytest

from cell.keys import FileKeyProvider, RootKeyError, UnwrapError
from cell.notes import sign, verify


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root.key"
    path.touch(mode=0o600)
    path.write_text("ab" * 32 + "\n")
    return path


def test_keys_belong_to_their_purpose_and_survive_a_restart(root):
    keys = FileKeyProvider(root)
    assert keys.derive("one") != keys.derive("two")
    assert len(keys.derive("one")) == 32
    assert FileKeyProvider(root).derive("one") == keys.derive("one")


def test_a_wrapped_key_opens_only_in_its_context_and_under_its_root(root, tmp_path):
    keys = FileKeyProvider(root)
    wrapped = keys.wrap(bytes(32), b"here")
    assert keys.unwrap(wrapped, b"here") == bytes(32)
    assert keys.wrap(bytes(32), b"here") != wrapped
    with pytest.raises(UnwrapError):
        keys.unwrap(wrapped, b"there")
    for altered in (b"", b"\x02" + wrapped[1:], wrapped[:-1], wrapped[:-1] + bytes([wrapped[-1] ^ 1])):
        with pytest.raises(UnwrapError):
            keys.unwrap(altered, b"here")
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_text("cd" * 32)
    with pytest.raises(UnwrapError):
        FileKeyProvider(other).unwrap(wrapped, b"here")


def test_note_signers_are_stable_and_apart(root):
    signer = FileKeyProvider(root).note_signer("log", "eude1/log")
    assert verify(sign("text\n", signer), [FileKeyProvider(root).note_signer("log", "eude1/log").vkey]) == "text\n"
    assert FileKeyProvider(root).note_signer("certificates", "eude1/log").vkey != signer.vkey


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_root_key_that_others_can_read_is_refused(root, mode):
    root.chmod(mode)
    with pytest.raises(RootKeyError, match="chmod 0600"):
        FileKeyProvider(root)


@pytest.mark.parametrize("content", ["", "ab" * 31, "ab" * 33, "zz" * 32])
def test_a_malformed_root_key_is_refused_and_not_repeated(root, content):
    root.write_text(content)
    with pytest.raises(RootKeyError, match="64 hexadecimal") as refused:
        FileKeyProvider(root)
    assert "abab" not in str(refused.value) and "zz" not in str(refused.value)


def test_a_missing_root_key_and_a_link_are_refused(root, tmp_path):
    with pytest.raises(RootKeyError, match="cannot be read"):
        FileKeyProvider(tmp_path / "none.key")
    link = tmp_path / "link.key"
    link.symlink_to(root)
    with pytest.raises(RootKeyError, match="cannot be read"):
        FileKeyProvider(link)
