"""The contract of every kind of root, against the program that holds its key."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cell.config import config
from cell.key_config import KeyConfig, Pkcs11Token, RootRef
from cell.keys import Root, RootKeyError, RootRefused, RootUnavailable, UnwrapError, open_keys
from cell.keys.roots import open_root
from cell.keys.seed import SeedExists, make_seed, read_seed, reseal_seed
from tests.peers import free_port
from tests.peers.kms import refusing

KINDS = ("file", "pkcs11", "aws-kms", "vault")
REMOTE = KINDS[1:]
KEY = bytes(range(32))


@pytest.fixture
def ref(request, kind, tmp_path) -> RootRef:
    """A fresh root of `kind`."""
    name = f"root-{secrets.token_hex(6)}"
    if kind == "file":
        path = tmp_path / name
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
        return RootRef("file", str(path))
    if kind == "pkcs11":
        request.getfixturevalue("hsm").make_key(name)
        return RootRef("pkcs11", name)
    if kind == "aws-kms":
        return RootRef("aws-kms", request.getfixturevalue("aws").make_key())
    request.getfixturevalue("vault").make_key(name)
    return RootRef("vault", f"transit/{name}")


@pytest.fixture
def keys(request, kind, ref) -> KeyConfig:
    """How a cell with that root is configured."""
    reached = {
        "file": dict,
        "pkcs11": lambda: {"pkcs11": request.getfixturevalue("hsm").token},
        "aws-kms": lambda: {"aws_endpoint": request.getfixturevalue("aws").endpoint},
        "vault": lambda: {"vault": request.getfixturevalue("vault").server},
    }[kind]()
    return replace(config().keys, root=ref, **reached)


@pytest.fixture
def root(ref, keys) -> Root:
    return open_root(ref, keys)


def take_away(request, kind, ref) -> None:
    """As whoever owns the key would: from now on it must open nothing."""
    name = ref.name.rpartition("/")[2]
    {
        "pkcs11": lambda: request.getfixturevalue("hsm").destroy_key(name),
        "vault": lambda: request.getfixturevalue("vault").delete(name),
    }[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_opens_in_its_context_and_nowhere_else(root):
    wrapped = root.wrap(KEY, b"here")
    assert root.unwrap(wrapped, b"here") == KEY
    assert root.wrap(KEY, b"here") != wrapped
    assert KEY not in wrapped
    for context in (b"there", b"", b"here\0"):
        with pytest.raises(UnwrapError):
            root.unwrap(wrapped, context)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_altered_does_not_open(root):
    wrapped = root.wrap(KEY, b"here")
    for place in sorted({0, 1, 12, len(wrapped) // 2, len(wrapped) - 1}):
        altered = bytearray(wrapped)
        altered[place] ^= 1
        with pytest.raises((UnwrapError, RootRefused)):
            root.unwrap(bytes(altered), b"here")
    for shorter in (b"", wrapped[:8], wrapped[:-1]):
        with pytest.raises((UnwrapError, RootRefused)):
            root.unwrap(shorter, b"here")
    assert root.unwrap(wrapped, b"here") == KEY


@pytest.mark.parametrize("kind", KINDS)
def test_a_root_does_not_open_what_another_wrapped(request, kind, root, keys):
    other = open_root(request.getfixturevalue("another"), keys)
    assert other.id != root.id and len(root.id) == 8
    with pytest.raises((UnwrapError, RootRefused)):
        other.unwrap(root.wrap(KEY, b"here"), b"here")


@pytest.fixture
def another(request, kind, tmp_path) -> RootRef:
    name = f"root-{secrets.token_hex(6)}"
    if kind == "file":
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(secrets.token_hex(32))
        return RootRef("file", str(tmp_path / name))
    if kind == "aws-kms":
        return RootRef("aws-kms", request.getfixturevalue("aws").make_key())
    request.getfixturevalue("hsm" if kind == "pkcs11" else "vault").make_key(name)
    return RootRef(kind, name if kind == "pkcs11" else f"transit/{name}")


@pytest.mark.parametrize("kind", KINDS)
def test_several_threads_and_a_forked_child_use_it(root):
    wrapped = root.wrap(KEY, b"here")
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: root.unwrap(root.wrap(KEY, b"here"), b"here"), range(40)))
    assert opened == [KEY] * 40
    child = os.fork()
    if child == 0:
        os._exit(0 if root.unwrap(wrapped, b"here") == KEY else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert root.unwrap(wrapped, b"here") == KEY


@pytest.mark.parametrize("kind", ["pkcs11", "vault"])
def test_a_key_that_was_taken_away_is_refused_and_nothing_opens(request, kind, ref, root):
    wrapped = root.wrap(KEY, b"here")
    take_away(request, kind, ref)
    for question in (lambda: root.unwrap(wrapped, b"here"), lambda: root.wrap(KEY, b"here")):
        with pytest.raises(RootUnavailable) as refused:
            question()
        assert KEY.hex() not in str(refused.value)


@pytest.mark.parametrize("kind", REMOTE)
def test_the_seed_outlives_a_change_of_root(kind, ref, keys, tmp_path):
    file = tmp_path / "old.key"
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(32))
    old = replace(keys, root=RootRef("file", str(file)))
    before = open_keys(old)
    wrapped = before.wrap(KEY, b"here")
    new = replace(keys, previous=(old.root,), seed_file=tmp_path / "seed")
    roots = [open_root(each, new) for each in (new.root, *new.previous)]
    make_seed(tmp_path / "seed", roots)

    after = open_keys(new)

    assert after.derive("anything") == before.derive("anything")
    assert after.unwrap(wrapped, b"here") == KEY
    assert not after.is_current(wrapped) and after.is_current(after.wrap(KEY, b"here"))
    with pytest.raises(SeedExists):
        make_seed(tmp_path / "seed", roots)
    alone = open_keys(replace(new, previous=()))
    assert alone.derive("anything") == before.derive("anything")
    with pytest.raises(UnwrapError, match="BAILIWICK_PREVIOUS_ROOT_KEYS"):
        alone.unwrap(wrapped, b"here")


@pytest.mark.parametrize("kind", REMOTE)
def test_a_new_cell_gets_a_seed_that_nobody_knows(root, keys, tmp_path, kind):
    for name in ("one", "two"):
        make_seed(tmp_path / name, [root])
    one, two = (open_keys(replace(keys, seed_file=tmp_path / name)) for name in ("one", "two"))
    assert one.derive("anything") != two.derive("anything")
    assert one.derive("anything") == open_keys(replace(keys, seed_file=tmp_path / "one")).derive("anything")
    with pytest.raises(RootKeyError, match="BAILIWICK_SEED_FILE"):
        open_keys(replace(keys, seed_file=None))


def test_a_seed_is_sealed_anew_and_opens_for_nobody_else(tmp_path):
    first, second, third = (_file_root(tmp_path, number) for number in range(3))
    seed_file = tmp_path / "seed"
    make_seed(seed_file, [first])
    seed = read_seed(seed_file, [first])
    assert seed == first.seed  # what the cell derived until now
    assert seed.hex() not in seed_file.read_text()
    assert reseal_seed(seed_file, [second, first])
    assert not reseal_seed(seed_file, [second, first])
    assert read_seed(seed_file, [second]) == seed
    with pytest.raises(RootKeyError, match="does not open"):
        read_seed(seed_file, [third])
    assert seed_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "bailiwick-seed/v2\nAAAA\n", "bailiwick-seed/v1\n%%%%\n", "one\ntwo\nthree\n"])
def test_a_malformed_seed_stops_the_start(tmp_path, content):
    (tmp_path / "seed").write_text(content)
    with pytest.raises(RootKeyError, match="The seed"):
        read_seed(tmp_path / "seed", [_file_root(tmp_path, 1)])


def test_without_its_seed_a_cell_says_what_to_do(tmp_path):
    with pytest.raises(RootKeyError, match="bailiwick keys init"):
        read_seed(tmp_path / "none", [_file_root(tmp_path, 1)])


def _file_root(folder: Path, number: int):
    path = folder / f"{number}.key"
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))
    return open_root(RootRef("file", str(path)), config().keys)


def test_a_key_of_the_hsm_cannot_be_read(hsm):
    hsm.make_key("unreadable")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        hsm.read_key("unreadable")
    assert "AttributeSensitive" in refused.value.stderr


@pytest.mark.parametrize("kind", ["pkcs11"])
def test_a_wrong_pin_a_wrong_token_and_no_module_are_told_apart_from_a_wrong_key(ref, hsm, tmp_path, kind):
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text("0000")
    for token, expected in (
        (replace(hsm.token, pin_file=pin), RootRefused),
        (replace(hsm.token, label="nobody"), RootUnavailable),
        (Pkcs11Token(tmp_path / "none.so", "bailiwick", hsm.token.pin_file), RootUnavailable),
    ):
        assert _in_a_child(ref, token) is expected
    pin.chmod(0o640)
    assert _in_a_child(ref, replace(hsm.token, pin_file=pin)) is RootRefused


def _in_a_child(ref: RootRef, token: Pkcs11Token) -> type[Exception] | None:
    """What a new process, which nobody has logged in yet, gets."""
    outcomes = (None, RootUnavailable, RootRefused)
    child = os.fork()
    if child == 0:
        outcome = 0
        try:
            open_root(ref, replace(config().keys, pkcs11=token)).wrap(KEY, b"here")
        except RootUnavailable as error:
            outcome = outcomes.index(type(error))
        finally:
            os._exit(outcome)
    return outcomes[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]


@pytest.mark.parametrize("kind", ["vault"])
def test_vault_may_rotate_its_key_and_retire_old_versions(ref, root, vault, kind):
    name = ref.name.rpartition("/")[2]
    old = root.wrap(KEY, b"here")
    vault.rotate(name)
    new = root.wrap(KEY, b"here")
    assert root.unwrap(old, b"here") == root.unwrap(new, b"here") == KEY
    vault.configure(name, min_decryption_version=2)
    with pytest.raises(RootRefused):
        root.unwrap(old, b"here")
    assert root.unwrap(new, b"here") == KEY


@pytest.mark.parametrize("kind", ["vault"])
def test_a_sealed_vault_is_away_and_a_wrong_token_is_refused(root, ref, vault, kind, tmp_path):
    wrapped = root.wrap(KEY, b"here")
    vault.seal(True)
    try:
        with pytest.raises(RootUnavailable) as away:
            root.unwrap(wrapped, b"here")
        assert not isinstance(away.value, RootRefused)
    finally:
        vault.seal(False)
    assert root.unwrap(wrapped, b"here") == KEY
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("hvs.of-somebody-else")
    stranger = open_root(ref, replace(config().keys, vault=replace(vault.server, token_file=token)))
    with pytest.raises(RootRefused) as refused:
        stranger.unwrap(wrapped, b"here")
    assert "somebody" not in str(refused.value)
    token.chmod(0o644)
    with pytest.raises(RootRefused, match="chmod 0600"):
        stranger.unwrap(wrapped, b"here")


@pytest.mark.parametrize("kind", ["vault"])
def test_a_server_whose_certificate_nobody_vouches_for_is_not_told_anything(ref, vault, kind):
    with pytest.raises(RootUnavailable, match="SSLCertVerificationError"):
        open_root(ref, replace(config().keys, vault=replace(vault.server, ca_file=None))).wrap(KEY, b"here")


@pytest.mark.parametrize("kind", ["aws-kms", "vault"])
@pytest.mark.parametrize("silent", [False, True])
def test_one_that_does_not_answer_costs_seconds_and_not_minutes(kind, ref, keys, silent):
    with closing(socket.socket()) as listener:
        port = free_port()
        if silent:  # connects, and then says nothing
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        away = {"aws_endpoint": url} if kind == "aws-kms" else {"vault": replace(keys.vault, address=url)}
        root = open_root(ref, replace(keys, **away))
        began = time.monotonic()
        with pytest.raises(RootUnavailable, match="does not answer"):
            root.unwrap(b"something", b"here")
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("kind", ["aws-kms"])
@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("DisabledException", 400, RootRefused),
        ("KMSInvalidStateException", 400, RootRefused),
        ("AccessDeniedException", 400, RootRefused),
        ("NotFoundException", 400, RootRefused),
        ("UnrecognizedClientException", 400, RootRefused),
        ("InvalidCiphertextException", 400, UnwrapError),
        ("IncorrectKeyException", 400, UnwrapError),
        ("ThrottlingException", 400, RootUnavailable),
        ("KMSInternalException", 500, RootUnavailable),
    ],
)
def test_what_aws_answers_is_told_apart(ref, keys, kind, code, status, expected):
    with refusing(code, status) as endpoint:
        root = open_root(ref, replace(keys, aws_endpoint=endpoint))
        with pytest.raises(expected) as caught:
            root.unwrap(b"wrapped", b"here")
    assert type(caught.value) is expected


@pytest.mark.parametrize("kind", ["aws-kms"])
def test_a_key_that_aws_does_not_have_is_refused(ref, keys, kind):
    unknown = RootRef("aws-kms", ref.name[:-4] + "0000")
    with pytest.raises(RootRefused, match="NotFoundException"):
        open_root(unknown, keys).wrap(KEY, b"here")


def test_a_kind_that_is_not_configured_says_so():
    for text in ("pkcs11:key", "vault:transit/key"):
        with pytest.raises(RootKeyError, match="not configured"):
            open_root(RootRef.parse(text), config().keys)
