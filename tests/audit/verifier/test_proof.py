from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint, origin
from audit.tlogproof import TlogProof
from audit.verifier.__main__ import main
from audit.verifier.proof import verify_proof
from audit.verifier.verdict import Incomplete, Tampered, Untrusted
from cell.notes import Signer, sign
from tests.audit.logs import REGION, Log
from tests.audit.verifier.world import proof


@pytest.fixture
def log() -> Log:
    return Log().grow(11)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 11])
def test_every_entry_of_a_log_is_proven(log: Log, size: int) -> None:
    for index in range(size):
        verdict = verify_proof(proof(log, index, size).to_text().encode(), [log.signer.vkey])
        assert verdict.pinned and f"entry {index} of {size}" in verdict.what


def test_the_command_says_what_it_found(log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, bare, entry = tmp_path / "it.tlog-proof", tmp_path / "bare", tmp_path / "entry"
    path.write_text(proof(log, 4, 11).to_text())
    bare.write_text(proof(log, 4, 11, extra=False).to_text())
    entry.write_bytes(log.bodies[4] + b"\n")
    key = ["--key", log.signer.vkey]

    assert main([str(path), *key]) == 0
    assert "workspace.updated, entry 4 of 11" in capsys.readouterr().out
    assert main([str(path)]) == 3
    assert main([str(path), "--key", Signer.generate(log.signer.name).vkey]) == 3
    assert main([str(bare), *key]) == 2
    assert main([str(bare), *key, "--entry", str(entry)]) == 0
    assert main([str(path), *key, "--entry", str(entry)]) == 0
    entry.write_bytes(log.bodies[5])
    assert main([str(path), *key, "--entry", str(entry)]) == 1
    assert main([str(bare), *key, "--entry", str(entry)]) == 1
    assert main([str(bare), *key, "--entry", str(tmp_path / "nothing")]) == 2


def test_a_proof_of_the_cells_own_log_is_one_too() -> None:
    log = Log()
    log.bodies = [log.entry().replace(b'"workspace":"' + log.workspace.encode() + b'"', b'"workspace":null')]
    checkpoint = Checkpoint(origin(REGION, "cell"), 1, log.tree(1).root())
    text = TlogProof(0, (), sign(checkpoint.text, log.signer), log.bodies[0]).to_text()

    assert "log of cell" in verify_proof(text.encode(), [log.signer.vkey]).what


def test_another_place_or_path_is_refused(log: Log) -> None:
    sound = proof(log, 4, 11)
    for changed in (
        replace(sound, index=5),
        replace(sound, index=11),
        replace(sound, path=sound.path[:-1]),
        replace(sound, path=(*sound.path, bytes(32))),
        replace(sound, path=sound.path[::-1]),
        replace(sound, extra=log.bodies[5]),
        replace(sound, checkpoint=log.checkpoint(10)),
    ):
        with pytest.raises(Tampered):
            verify_proof(changed.to_text().encode(), [log.signer.vkey])


def test_a_key_speaks_for_its_own_cell_only(log: Log) -> None:
    abroad = Checkpoint(origin("us-1", log.workspace), 11, log.tree(11).root())
    text = replace(proof(log, 4, 11), checkpoint=sign(abroad.text, log.signer)).to_text()

    with pytest.raises(Untrusted):
        verify_proof(text.encode(), [log.signer.vkey])


def test_an_entry_of_another_workspace_is_refused_in_this_ones_log(log: Log) -> None:
    stray = Log(log.signer, log.workspace, [*log.bodies, Log().entry()])

    with pytest.raises(Tampered):
        verify_proof(proof(stray, 11, 12).to_text().encode(), [log.signer.vkey])


@pytest.mark.parametrize("data", [b"", b"c2sp.org/tlog-proof@v1\n", b"\xff", b"c2sp.org/tlog-proof@v1\nindex 0\n\n\n"])
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises((Tampered, Incomplete)):
        verify_proof(data)
