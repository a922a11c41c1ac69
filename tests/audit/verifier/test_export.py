from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from audit import bundle, canonical, ustar
from audit.checkpoint import encode
from audit.verifier.__main__ import main, verify
from audit.verifier.verdict import Incomplete, Refusal, Tampered, Untrusted
from cell.notes import Signer, sign
from tests.audit.logs import Log, sign_again

_ENTRIES = "entries-000000000010-000000000029.ndjson.gz"


@pytest.fixture
def log() -> Log:
    return Log().grow(30)


@pytest.fixture
def export(log: Log, tmp_path: Path) -> Path:
    """Entries 10 to 29."""
    log.export(tmp_path / "export", 10, 30)
    return tmp_path / "export"


def test_an_export_as_it_was_made_is_intact(export: Path, log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(export), "--key", log.signer.vkey]) == 0

    said = capsys.readouterr().out
    assert "entries 10 to 29" in said and log.workspace in said and log.signer.vkey in said


def test_it_is_intact_as_the_tar_file_that_was_downloaded(export: Path, tmp_path: Path) -> None:
    with (tmp_path / "export.tar").open("wb") as file:
        ustar.pack(export, file)

    assert main([str(tmp_path / "export.tar")]) == 0


def test_the_same_stretch_gives_the_same_bytes(log: Log, export: Path, tmp_path: Path) -> None:
    log.export(tmp_path / "again", 10, 30)

    for path in export.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.parametrize(("first", "end"), [(0, 0), (0, 30), (30, 30), (10, 10), (29, 30), (0, 1), (1, 30)])
def test_every_stretch_verifies_the_empty_one_too(log: Log, tmp_path: Path, first: int, end: int) -> None:
    log.export(tmp_path / "export", first, end)

    assert main([str(tmp_path / "export")]) == 0


def test_a_stretch_over_several_files_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.bundle.ENTRIES_IN_A_FILE", 7)
    log = Log().grow(50)
    log.export(tmp_path / "export", 3, 50)

    assert len(list((tmp_path / "export").glob("entries-*"))) == 7
    assert main([str(tmp_path / "export")]) == 0


def test_no_byte_of_any_file_can_change(log: Log, export: Path) -> None:
    chance = random.Random(1)
    undetected = []
    mutations = 0
    for path in sorted(export.iterdir()):
        data = path.read_bytes()
        places = range(len(data)) if len(data) < 300 else sorted(chance.sample(range(len(data)), 300))
        for place in places:
            changed = bytearray(data)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            mutations += 1
            if not _is_refused(export, [log.signer.vkey]):
                undetected.append((path.name, place))
        path.write_bytes(data)

    assert undetected == []
    assert mutations > 1500
    assert main([str(export)]) == 0


def _is_refused(export: Path, keys: list[str]) -> bool:
    try:
        verify(export, keys)
    except Refusal:
        return True
    return False


def test_no_file_can_be_cut_short_emptied_or_taken_away(export: Path) -> None:
    for path in sorted(export.iterdir()):
        data = path.read_bytes()
        for shorter in (data[:-1], data[: len(data) // 2], b""):
            path.write_bytes(shorter)
            assert _is_refused(export, [])
        path.unlink()
        with pytest.raises(Incomplete):
            verify(export)
        path.write_bytes(data)


def test_a_file_more_is_seen(export: Path) -> None:
    (export / "entries-more.ndjson.gz").write_bytes(gzip.compress(b"{}\n"))

    with pytest.raises(Tampered):
        verify(export)


_Lines = Callable[[list[bytes], Log], list[bytes]]

_REWRITES: dict[str, _Lines] = {
    "first dropped": lambda lines, _: lines[1:],
    "middle dropped": lambda lines, _: lines[:9] + lines[10:],
    "last dropped": lambda lines, _: lines[:-1],
    "one repeated": lambda lines, _: [*lines[:5], lines[4], *lines[5:]],
    "one put in another's place": lambda lines, _: [*lines[:5], lines[4], *lines[6:]],
    "two swapped": lambda lines, _: [*lines[:3], lines[4], lines[3], *lines[5:]],
    "order turned": lambda lines, _: lines[::-1],
    "one invented": lambda lines, log: [*lines, log.entry()],
    "one replaced": lambda lines, log: [*lines[:7], log.entry(), *lines[8:]],
    "one altered": lambda lines, _: [*lines[:7], lines[7].replace(b"updated", b"created"), *lines[8:]],
    "one of another workspace": lambda lines, _: [*lines[:7], Log().entry(), *lines[8:]],
    "one with a space more": lambda lines, _: [*lines[:7], lines[7].replace(b",", b", ", 1), *lines[8:]],
    "an empty line": lambda lines, _: [*lines, b""],
    "one that is no object": lambda lines, _: [*lines[:-1], b"[1]"],
    "one that is no JSON": lambda lines, _: [*lines[:-1], b"entry"],
}


@pytest.mark.parametrize("name", _REWRITES)
def test_not_even_who_signs_the_manifest_can_rewrite_what_a_checkpoint_holds(name: str, export: Path, log: Log) -> None:
    path = export / _ENTRIES
    lines = _REWRITES[name](gzip.decompress(path.read_bytes()).splitlines(), log)
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    sign_again(export, log.signer)
    with pytest.raises(Tampered):
        verify(export)

    files = json.loads((export / bundle.MANIFEST).read_bytes())["files"]
    for file in files:
        file.update({"entries": len(lines)} if "entries" in file else {})
    sign_again(export, log.signer, files=files, end=10 + len(lines), entries=len(lines))

    with pytest.raises(Tampered):
        verify(export)


def test_an_older_checkpoint_cannot_stand_for_a_newer_one(export: Path, log: Log) -> None:
    (export / bundle.CHECKPOINT_NEW).write_text(log.checkpoint(29))
    sign_again(export, log.signer)
    with pytest.raises(Tampered):
        verify(export)

    sign_again(export, log.signer, end=29, entries=19)
    with pytest.raises(Tampered):
        verify(export)


def test_a_checkpoint_of_another_workspace_cannot_stand_in(export: Path, log: Log) -> None:
    other = Log(signer=log.signer).grow(30)
    for name, size in ((bundle.CHECKPOINT_NEW, 30), (bundle.CHECKPOINT_OLD, 10)):
        original = (export / name).read_text()
        (export / name).write_text(other.checkpoint(size))
        sign_again(export, log.signer)
        with pytest.raises(Tampered):
            verify(export)
        (export / name).write_text(original)


def test_the_whole_export_of_another_workspace_cannot_be_passed_off_as_this_one(
    export: Path, log: Log, tmp_path: Path
) -> None:
    other = Log(signer=log.signer).grow(30)
    other.export(tmp_path / "other", 10, 30)
    sign_again(tmp_path / "other", log.signer, workspace=log.workspace)

    with pytest.raises(Tampered):
        verify(tmp_path / "other")


def test_a_fork_is_seen(export: Path, log: Log) -> None:
    fork = Log(signer=log.signer, workspace=log.workspace, bodies=[log.entry(), *log.bodies[1:]])
    (export / bundle.CHECKPOINT_OLD).write_text(fork.checkpoint(10))
    sign_again(export, log.signer)
    with pytest.raises(Tampered):
        verify(export)

    hashes = [item.hex() for item in fork.tree(10).hashes]
    assert hashes != [item.hex() for item in log.tree(10).hashes]
    sign_again(export, log.signer, range=[encode(item) for item in fork.tree(10).hashes])
    with pytest.raises(Tampered, match="rewritten"):
        verify(export)


def test_what_is_signed_by_somebody_else_is_not_trusted(export: Path, log: Log) -> None:
    stranger = Signer.generate("audit.eu-de-1.bailiwick")

    assert main([str(export), "--key", stranger.vkey]) == 3
    (export / bundle.KEYS).write_text(f"{stranger.vkey}\n")
    with pytest.raises(Untrusted):
        verify(export)
    forged = Log(signer=stranger, workspace=log.workspace, bodies=log.bodies)
    shutil.rmtree(export)
    forged.export(export, 10, 30)
    with pytest.raises(Untrusted):
        verify(export, [log.signer.vkey])


def test_exports_are_a_chain(log: Log, export: Path, tmp_path: Path) -> None:
    first = log.export(tmp_path / "first", 0, 10)
    log.export(tmp_path / "second", 10, 30, first)
    log.export(tmp_path / "stray", 0, 9)
    log.export(tmp_path / "gap", 20, 30, first)

    assert main([str(tmp_path / "second"), "--previous", str(tmp_path / "first")]) == 0
    assert main([str(tmp_path / "second"), "--previous", str(tmp_path / "stray")]) == 1
    assert main([str(export), "--previous", str(tmp_path / "first")]) == 1
    assert main([str(tmp_path / "gap"), "--previous", str(tmp_path / "first")]) == 2


def test_the_exit_status_says_what_was_found(export: Path, log: Log, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{log.signer.vkey}\n")

    assert main([str(export), "--keys", str(keys)]) == 0
    assert main([str(tmp_path / "nothing")]) == 2
    assert main([str(export), "--key", "nonsense"]) == 1
    (export / _ENTRIES).unlink()
    assert main([str(export)]) == 2
    for wrong in ([], [str(export), "--keys", str(tmp_path / "nothing")], [str(export), "--what"]):
        with pytest.raises(SystemExit) as exit_:
            main(wrong)
        assert exit_.value.code == 64


@pytest.mark.parametrize(
    "members",
    [
        {"v": 2},
        {"v": True},
        {"format": "other"},
        {"first": -1},
        {"first": True},
        {"entries": 3},
        {"range": None},
        {"range": ["AAAA"]},
        {"range": [7]},
        {"files": {}},
        {"files": [{"name": "keys.txt", "sha256": "0" * 64, "bytes": 1, "entries": None}]},
        {"files": [{"name": "keys.txt", "sha256": "0" * 64, "bytes": -1}]},
        {"files": [{"name": "../../etc/passwd", "sha256": "0" * 64, "bytes": 1}]},
        {"previous_manifest_sha256": 5},
        {"more": 1},
        {"region": None},
    ],
)
def test_a_manifest_of_another_form_is_refused_and_not_tripped_over(
    export: Path, log: Log, members: dict[str, object]
) -> None:
    manifest = json.loads((export / bundle.MANIFEST).read_bytes()) | members
    data = canonical.dumps(manifest)
    (export / bundle.MANIFEST).write_bytes(data)
    (export / bundle.MANIFEST_NOTE).write_text(
        sign(bundle.manifest_text(str(manifest["origin"]), sha256(data).hexdigest()), log.signer)
    )

    with pytest.raises(Tampered):
        verify(export)
