"""Each rule of C2SP tlog-witness, over HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint, encode, origin
from audit.witness.cosignature import Witness, cosigned
from cell.notes import Signer, sign
from tests.audit.logs import REGION, Log
from tests.audit.witness.asking import request
from tests.audit.witness.conftest import Start


def test_a_log_that_only_grows_is_cosigned_each_time(start: Start, witness: Witness, log: Log) -> None:
    asked = start()
    for old, new in ((0, 5), (5, 5), (5, 6), (6, 39)):
        answer = asked.add(request(log, old, new))
        assert answer.status == 200
        assert cosigned(log.checkpoint(new) + answer.body, [witness.key])[witness.key] > 1_700_000_000

    assert start().add(request(log, 39, 40)).status == 200


def test_the_last_checkpoint_can_be_read_with_both_signatures(start: Start, witness: Witness, log: Log) -> None:
    asked = start()
    path = f"/{hashlib.sha256(origin(REGION, log.workspace).encode()).hexdigest()}/checkpoint"

    assert asked.ask("GET", path).status == 404
    line = asked.add(request(log, 0, 5)).body
    assert asked.ask("GET", path).body == log.checkpoint(5) + line
    assert [asked.ask("GET", other).status for other in ("/", "/../key", path.upper(), f"{path}/")] == [404] * 4


def test_who_has_another_size_is_told_ours(start: Start, log: Log) -> None:
    asked = start()
    asked.add(request(log, 0, 7))

    for old in (0, 3, 8):
        answer = asked.add(request(log, old, 9))
        assert (answer.status, answer.body, answer.content_type) == (409, "7\n", "text/x.tlog.size")
    assert asked.add(request(log, 7, 9)).status == 200


def test_a_rewritten_log_is_not_cosigned_ever(start: Start, log: Log) -> None:
    asked = start()
    asked.add(request(log, 0, 7))
    fork = Log(log.signer, log.workspace, [log.entry(), *log.bodies[1:]])

    assert asked.add(request(fork, 7, 9)).status == 422
    assert asked.add(request(fork, 7, 7)).status == 422
    again = start()
    assert again.add(request(fork, 7, 9)).status == 422
    assert again.add(request(fork, 0, 9)).status == 409


@pytest.mark.parametrize("old", [0, 7])
def test_a_proof_that_is_too_long_or_too_short_is_refused(start: Start, log: Log, old: int) -> None:
    asked = start()
    if old:
        asked.add(request(log, 0, old))

    assert asked.add(request(log, old, 9, proof=[bytes(32)])).status == 422
    assert asked.add(request(log, old, old or 9, proof=[bytes(32)])).status == 422
    if old:
        assert asked.add(request(log, old, 9, proof=[])).status == 422


def test_an_empty_log_has_the_root_of_the_empty_tree(start: Start, log: Log) -> None:
    asked = start()
    name = origin(REGION, log.workspace)

    assert asked.add(f"old 0\n\n{sign(Checkpoint(name, 0, bytes(32)).text, log.signer)}").status == 422
    assert asked.add(f"old 0\n\n{log.checkpoint(0)}").status == 200
    assert asked.add(request(log, 0, 7)).status == 200


def test_only_known_logs_are_cosigned(start: Start, log: Log) -> None:
    asked = start()
    abroad = sign(Checkpoint(origin("us-1", log.workspace), 7, log.tree(7).root()).text, log.signer)

    assert asked.add(request(log, 0, 7, note=abroad)).status == 404
    assert start(origins=[origin(REGION, "cell")]).add(request(log, 0, 7)).status == 404
    assert start(origins=[origin(REGION, log.workspace)]).add(request(log, 0, 7)).status == 200


def test_only_the_logs_own_key_speaks_for_it(start: Start, log: Log) -> None:
    asked = start()
    stranger = Signer.generate(log.signer.name)
    text = Checkpoint(origin(REGION, log.workspace), 7, log.tree(7).root()).text
    other = sign(text.replace("\n7\n", "\n8\n"), log.signer).rpartition("\n\n")[2]

    assert asked.add(f"old 0\n\n{sign(text, stranger)}").status == 403
    assert asked.add(f"old 0\n\n{text}\n{other}").status == 403
    assert asked.add(f"old 0\n\n{sign(text, [stranger, log.signer])}").status == 200


def test_what_is_no_request_is_refused(start: Start, log: Log) -> None:
    asked = start()
    sound = request(log, 0, 7)
    extended = sign(f"{log.checkpoint(7).rpartition(chr(10) * 2)[0]}\nmore\n", log.signer)
    for wrong in (
        b"",
        b"\xff",
        sound.replace("old 0", "old 00"),
        sound.replace("old 0", "old -1"),
        sound.replace("old 0", "old"),
        sound.replace("old 0", "OLD 0"),
        sound.replace("old 0\n", ""),
        sound.replace("old 0\n\n", "old 0\n"),
        sound.replace("\n\n", "\nAAAA\n\n", 1),
        sound.replace("\n\n", f"\n{encode(bytes(31))}\n\n", 1),
        sound.replace("\n\n", "\n" + f"{encode(bytes(32))}\n" * 64 + "\n", 1),
        sound[:-1],
        sound.replace("old 0", "old 8"),
        request(log, 0, 7, note=extended),
    ):
        assert asked.add(wrong).status == 400
    assert asked.add(sound).status == 200


def test_http_is_kept_narrow(start: Start, log: Log) -> None:
    asked = start()

    assert asked.ask("POST", "/", b"x").status == 404
    assert asked.ask("POST", "/add-checkpoint", b"x" * (129 << 10)).status == 413
    assert asked.ask("POST", "/add-checkpoint", None, **{"transfer-encoding": "chunked"}).status == 411
    assert asked.ask("POST", "/add-checkpoint", None, **{"content-length": "-1"}).status == 411
    assert asked.ask("PUT", "/add-checkpoint", b"x").status == 501


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_state_that_was_damaged_is_not_begun_anew(
    start: Start, log: Log, tmp_path: Path, damage: bytes | None
) -> None:
    asked = start()
    asked.add(request(log, 0, 7))
    (path,) = [path for path in (tmp_path / "logs").iterdir() if path.name != ".lock"]
    path.write_bytes(path.read_bytes().replace(b"\n7\n", b"\n5\n") if damage is None else damage)

    for old in (0, 5, 7):
        assert asked.add(request(log, old, 9)).status == 500
    other = Log(log.signer).grow(3)
    assert asked.add(request(other, 0, 3)).status == 200
