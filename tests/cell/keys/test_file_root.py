from __future__ import annotations

import pytest

from cell.keys import FileRoot, RootedKeys, RootKeyError, UnwrapError
from cell.keys.rooted import root_id
from cell.notes import sign, verify


@pytest.fixture
def root(tmp_path):
    return root_file(tmp_path / "root.key", "ab" * 32 + "\n")


def root_file(path, content):
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def keys_of(path):
    root = FileRoot(path)
    return RootedKeys(root, root.seed)


def test_keys_belong_to_their_purpose_and_survive_a_restart(root):
    keys = keys_of(root)
    assert keys.derive("one") != keys.derive("two")
    assert len(keys.derive("one")) == 32
    assert keys_of(root).derive("one") == keys.derive("one")


def test_a_wrapped_key_opens_only_in_its_context_and_under_its_root(root, tmp_path):
    keys = keys_of(root)
    wrapped = keys.wrap(bytes(32), b"here")
    assert keys.unwrap(wrapped, b"here") == bytes(32)
    assert keys.wrap(bytes(32), b"here") != wrapped
    assert keys.is_current(wrapped) and root_id(wrapped) == keys.root.id.hex()
    with pytest.raises(UnwrapError):
        keys.unwrap(wrapped, b"there")
    for altered in (b"", b"\x03" + wrapped[1:], wrapped[:-1], wrapped[:-1] + bytes([wrapped[-1] ^ 1]), wrapped[:9]):
        with pytest.raises(UnwrapError):
            keys.unwrap(altered, b"here")
    with pytest.raises(UnwrapError, match="BAILIWICK_PREVIOUS_ROOT_KEYS"):
        keys_of(root_file(tmp_path / "other.key", "cd" * 32)).unwrap(wrapped, b"here")


def test_a_secret_opens_only_in_its_context_and_is_no_wrapped_key(root):
    keys = keys_of(root)
    sealed = keys.seal_secret(b"secret", b"here")
    assert keys.open_secret(sealed, b"here") == b"secret"
    for altered, context in ((sealed, b"there"), (sealed[:-1], b"here"), (b"", b"here"), (keys.wrap(b"k", b"c"), b"c")):
        with pytest.raises(UnwrapError):
            keys.open_secret(altered, context)


def test_a_key_that_was_wrapped_before_roots_had_ids_still_opens(root):
    keys = keys_of(root)
    wrapped = keys.seal_secret(bytes(32), b"here")  # what such cells wrapped keys like
    assert keys.unwrap(wrapped, b"here") == bytes(32)
    assert not keys.is_current(wrapped) and root_id(wrapped) is None


def test_note_signers_are_stable_and_apart(root):
    signer = keys_of(root).note_signer("log", "eude1/log")
    assert verify(sign("text\n", signer), [keys_of(root).note_signer("log", "eude1/log").vkey]) == "text\n"
    assert keys_of(root).note_signer("certificates", "eude1/log").vkey != signer.vkey


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_root_key_that_others_can_read_is_refused(root, mode):
    root.chmod(mode)
    with pytest.raises(RootKeyError, match="chmod 0600"):
        FileRoot(root)


@pytest.mark.parametrize("content", ["", "ab" * 31, "ab" * 33, "zz" * 32])
def test_a_malformed_root_key_is_refused_and_not_repeated(root, content):
    root.write_text(content)
    with pytest.raises(RootKeyError, match="64 hexadecimal") as refused:
        FileRoot(root)
    assert "abab" not in str(refused.value) and "zz" not in str(refused.value)


def test_a_missing_root_key_and_a_link_are_refused(root, tmp_path):
    with pytest.raises(RootKeyError, match="cannot be read"):
        FileRoot(tmp_path / "none.key")
    link = tmp_path / "link.key"
    link.symlink_to(root)
    with pytest.raises(RootKeyError, match="cannot be read"):
        FileRoot(link)
