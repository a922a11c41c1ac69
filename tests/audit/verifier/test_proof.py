from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audit import bundle
from audit.checkpoint import Checkpoint, origin
from audit.tlogproof import TlogProof
from audit.verifier.__main__ import main
from audit.verifier.export import verify_export
from audit.verifier.proof import verify_proof
from audit.verifier.verdict import Incomplete, Tampered
from cell.notes import Signer, sign
from tests.audit.logs import REGION, Log
from tests.audit.verifier.second import SecondVerifier
from tests.audit.verifier.world import listing, packed, proof, signed_again


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

    with pytest.raises(Tampered):
        verify_proof(text.encode(), [log.signer.vkey])


def test_an_entry_of_another_workspace_is_refused_in_this_ones_log(log: Log) -> None:
    stray = Log(log.signer, log.workspace, [*log.bodies, Log().entry()])

    with pytest.raises(Tampered):
        verify_proof(proof(stray, 11, 12).to_text().encode(), [log.signer.vkey])


@pytest.mark.parametrize("data", [b"", b"c2sp.org/tlog-proof@v1\n", b"\xff", b"c2sp.org/tlog-proof@v1\nindex 0\n\n\n"])
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises((Tampered, Incomplete)):
        verify_proof(data)


def _text(log: Log, size: int, region: str = REGION) -> str:
    return Checkpoint(origin(region, log.workspace), size, log.tree(size).root()).text


def test_a_checkpoint_is_proven_to_be_in_the_cells_tree(log: Log, tmp_path: Path, second: SecondVerifier) -> None:
    texts = [_text(log, size) for size in (3, 7, 11)]
    path, bare, entry = tmp_path / "it", tmp_path / "bare", tmp_path / "entry"
    path.write_text(listing(texts, 1, log.signer).to_text())
    bare.write_text(replace(listing(texts, 1, log.signer), extra=None).to_text())
    entry.write_text(texts[1])

    verdict = verify_proof(path.read_bytes(), [log.signer.vkey])
    assert verdict.what == f"checkpoint of {log.workspace}, number 1 of 3 in the cell's tree of checkpoints"
    assert verdict.facts == ("size: 7",)
    told = second.ask("verify", path=str(path), keys=[log.signer.vkey])
    assert (told["what"], tuple(told["facts"])) == (verdict.what, verdict.facts)
    assert main([str(bare), "--key", log.signer.vkey, "--entry", str(entry)]) == 0
    assert second.status(bare, keys=[log.signer.vkey], entry=str(entry)) == 0
    entry.write_text(texts[2])
    assert main([str(bare), "--key", log.signer.vkey, "--entry", str(entry)]) == 1


def test_what_is_no_checkpoint_of_the_cell_is_refused_in_its_tree(
    log: Log, tmp_path: Path, second: SecondVerifier
) -> None:
    top = Checkpoint(origin(REGION, "checkpoints"), 3, bytes(32)).text
    for text in (_text(log, 7, "us-1"), top, log.bodies[0].decode(), "x", _text(log, 7)[:-1], log.checkpoint(7)):
        (tmp_path / "it").write_text(listing([text], 0, log.signer).to_text())
        assert main([str(tmp_path / "it"), "--key", log.signer.vkey]) == 1
        assert second.status(tmp_path / "it", keys=[log.signer.vkey]) == 1


def test_an_export_says_that_its_checkpoint_is_in_the_cells_tree(
    log: Log, tmp_path: Path, second: SecondVerifier
) -> None:
    log.export(tmp_path / "export", 0, 7)
    content = {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()}
    texts = [_text(log, size) for size in (3, 7, 11)]
    stranger = Signer.generate(log.signer.name)
    for number, (proven, status) in enumerate(
        (
            (listing(texts, 1, log.signer), 0),
            (replace(listing(texts, 1, log.signer), extra=None), 0),
            (listing(texts, 0, log.signer), 1),
            (replace(listing(texts, 0, log.signer), extra=None), 1),
            (replace(listing(texts, 1, log.signer), index=0), 1),
            (proof(log, 6, 7), 1),
            (listing(texts, 1, stranger), 3),
        )
    ):
        files = [*json.loads(content[bundle.MANIFEST])["files"], {"name": bundle.CELL_PROOF}]
        made = signed_again(content | {bundle.CELL_PROOF: proven.to_text().encode()}, log.signer, files=files)
        path = tmp_path / str(number)
        path.write_bytes(packed(made))
        assert (main([str(path)]), second.status(path)) == (status, status)
        if status == 0:
            assert "its checkpoint is number 1 of 3 in the cell's tree of checkpoints" in verify_export(path).facts
