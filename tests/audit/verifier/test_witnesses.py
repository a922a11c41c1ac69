from __future__ import annotations

from pathlib import Path

import pytest

from audit import bundle
from audit.verifier.__main__ import main
from audit.witness.cosignature import Witness
from tests.audit.logs import Log, sign_again
from tests.audit.verifier.second import SecondVerifier
from tests.audit.verifier.world import packed, proof, signed_again, with_cell_proof

AT = 1_800_000_000


@pytest.fixture
def log() -> Log:
    return Log().grow(30)


@pytest.fixture
def witnesses() -> list[Witness]:
    return [Witness(f"witness.example.org/{number}", bytes([number]) * 32) for number in range(3)]


def test_both_verifiers_ask_for_as_many_witnesses_as_wanted(
    log: Log, witnesses: list[Witness], tmp_path: Path, second: SecondVerifier
) -> None:
    given = proof(log, 3, 9)
    text = given.checkpoint.rpartition("\n\n")[0] + "\n"
    path = tmp_path / "it.tlog-proof"
    path.write_text(given.to_text() + "".join(witness.cosign(text, AT) for witness in witnesses[:2]))
    key = ["--key", log.signer.vkey]

    def status(which: list[int], threshold: int | None = None) -> int:
        named = [str(witnesses[number].key) for number in which]
        words = [word for name in named for word in ("--witness", name)]
        first = main([str(path), *key, *words, *(["--threshold", str(threshold)] if threshold else [])])
        limit = {"threshold": threshold} if threshold else {}
        assert second.status(path, keys=[log.signer.vkey], witnesses=named, **limit) == first
        return first

    assert (status([]), status([0]), status([0, 1]), status([0, 1, 2], 2)) == (0, 0, 0, 0)
    assert (status([2]), status([0, 1, 2]), status([0, 0, 2])) == (3, 3, 3)
    whole = path.read_text()
    path.write_text(whole.replace(witnesses[0].cosign(text, AT), witnesses[0].cosign(f"{text}x\n", AT)))
    assert (status([0]), status([1]), status([0, 1], 1)) == (1, 0, 1)
    with pytest.raises(SystemExit):
        main([str(path), *key, "--witness", str(witnesses[0].key), "--threshold", "2"])


def test_an_exports_new_checkpoint_and_a_certificates_are_the_ones_witnessed(
    log: Log, witnesses: list[Witness], tmp_path: Path, second: SecondVerifier, capsys: pytest.CaptureFixture[str]
) -> None:
    log.export(tmp_path / "export", 10, 30)
    path = tmp_path / "export" / bundle.CHECKPOINT_NEW
    text = path.read_text().rpartition("\n\n")[0] + "\n"
    names = ["--witness", str(witnesses[0].key)]
    certificate = tmp_path / "certificate.json"
    certificate.write_bytes(log.certificate({"workspace": log.workspace}))

    for it in (tmp_path / "export", certificate):
        assert (main([str(it)]), main([str(it), *names])) == (0, 3)
        assert second.status(it, witnesses=[str(witnesses[0].key)]) == 3

    path.write_text(path.read_text() + witnesses[0].cosign(text, AT))
    sign_again(tmp_path / "export", log.signer)
    capsys.readouterr()
    assert main([str(tmp_path / "export"), *names]) == 0
    assert "witnessed by witness.example.org/0 at 2027-01-15T08:00:00Z" in capsys.readouterr().out
    answer = second.ask("verify", path=str(tmp_path / "export"), witnesses=[str(witnesses[0].key)])
    assert answer["status"] == 0 and "witnessed by witness.example.org/0 at 2027-01-15T08:00:00Z" in answer["facts"]
    _by_way_of_the_tree_of_checkpoints(log, witnesses, tmp_path / "other", second)
    assert main([str(tmp_path / "export"), "--witness", "nonsense"]) == 1
    assert second.status(tmp_path / "export", witnesses=["nonsense"]) == 1


def _by_way_of_the_tree_of_checkpoints(log: Log, witnesses: list[Witness], path: Path, second: SecondVerifier) -> None:
    """A witness that co-signs the one tree vouches for the logs whose checkpoints are in it."""
    log.export(path, 10, 30)
    content = with_cell_proof({each.name: each.read_bytes() for each in path.iterdir()}, log.signer)
    note = content[bundle.CELL_PROOF].decode().partition("\n\n")[2]
    content[bundle.CELL_PROOF] += witnesses[0].cosign(note.rpartition("\n\n")[0] + "\n", AT).encode()
    tar = path.with_suffix(".tar")
    tar.write_bytes(packed(signed_again(content, log.signer)))

    for witness, status in zip(witnesses[:2], (0, 3), strict=True):
        assert main([str(tar), "--witness", str(witness.key)]) == status
        assert second.status(tar, witnesses=[str(witness.key)]) == status
