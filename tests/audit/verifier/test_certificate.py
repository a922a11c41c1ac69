from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from audit import canonical
from audit.verifier.__main__ import main
from audit.verifier.certificate import verify_certificate
from audit.verifier.verdict import Refusal, Tampered, Untrusted
from cell.notes import Signer
from tests.audit.logs import Log


@pytest.fixture
def log() -> Log:
    return Log().grow(11)


@pytest.fixture
def certificate(log: Log) -> bytes:
    return log.certificate({"v": 1, "type": "erasure", "workspace": log.workspace, "erasure": "ers_1"})


def test_a_certificate_as_it_was_issued_is_intact(log: Log, certificate: bytes, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(certificate)

    assert main([str(path)]) == 0
    assert main([str(path), "--key", log.signer.vkey]) == 0
    assert main([str(path), "--key", Signer.generate("audit.eu-de-1.bailiwick").vkey]) == 3


def test_no_byte_of_it_can_change(log: Log, certificate: bytes) -> None:
    chance = random.Random(2)
    undetected = []
    for place in range(len(certificate)):
        changed = bytearray(certificate)
        changed[place] ^= 1 << chance.randrange(8)
        try:
            verify_certificate(bytes(changed), [log.signer.vkey])
        except Refusal:
            continue
        undetected.append(place)

    assert undetected == []


@pytest.mark.parametrize("cut", [1, 10, 500])
def test_it_cannot_be_cut_short(certificate: bytes, cut: int) -> None:
    with pytest.raises(Tampered):
        verify_certificate(certificate[:-cut])


def test_a_statement_that_the_log_does_not_hold_is_refused(log: Log, certificate: bytes) -> None:
    other = json.loads(log.certificate({"workspace": log.workspace, "erasure": "ers_2"}))
    document = json.loads(certificate)

    for member in ("statement", "note", "log"):
        with pytest.raises(Tampered):
            verify_certificate(canonical.dumps(document | {member: other[member]}) + b"\n")


def test_a_statement_about_another_workspace_than_the_log_is_refused(log: Log) -> None:
    with pytest.raises(Tampered):
        verify_certificate(log.certificate({"workspace": Log().workspace}))


def test_the_log_of_another_cell_does_not_vouch(log: Log, certificate: bytes) -> None:
    stranger = Log(workspace=log.workspace).grow(11)
    forged = json.loads(stranger.certificate(json.loads(certificate)["statement"]))
    mixed = json.loads(certificate) | {"log": forged["log"]}

    with pytest.raises(Untrusted):
        verify_certificate(canonical.dumps(mixed) + b"\n", [log.signer.vkey])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"v":1,"type":"bailiwick-certificate"}\n',
        b"\xff\xfe\n",
        b"[" * 9999 + b"\n",
    ],
)
def test_what_is_no_certificate_is_refused_and_not_tripped_over(data: bytes) -> None:
    with pytest.raises(Tampered):
        verify_certificate(data)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("statement", []),
        ("note", 5),
        ("log", []),
        ("log", {}),
        ("vkeys", "x"),
        ("vkeys", [1]),
        ("vkeys", ["x"]),
        ("v", 2),
        ("v", True),
    ],
)
def test_members_of_another_type_are_refused(certificate: bytes, member: str, value: object) -> None:
    with pytest.raises(Tampered):
        verify_certificate(canonical.dumps(json.loads(certificate) | {member: value}) + b"\n")
