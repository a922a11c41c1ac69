from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.redaction import kept
from inference.redaction.matcher import kept_matcher
from inference.redaction.trigger import Trigger

TRIGGERS = [Trigger("anna"), Trigger("b[0-9]{2}")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "bailiwick"


def test_what_one_matcher_compiled_the_next_one_loads(folder: Path) -> None:
    first = kept_matcher(TRIGGERS, [4, 7])
    assert first.hits(b"anna b12") == [(4, 0, 4), (7, 5, 8)]
    (file,) = folder.iterdir()
    made = file.stat().st_mtime_ns

    second = kept_matcher(TRIGGERS, [4, 7])
    assert second.hits(b"b99 anna") == [(7, 0, 3), (4, 4, 8)]
    assert [path.stat().st_mtime_ns for path in folder.iterdir()] == [made]
    kept_matcher(TRIGGERS[:1]).compile()
    assert len(list(folder.iterdir())) == 2, "other triggers are other databases"


def test_what_is_damaged_is_made_again(folder: Path) -> None:
    kept_matcher(TRIGGERS).compile()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    assert kept_matcher(TRIGGERS).hits(b"anna") == [(0, 0, 4)]
    assert kept.recall("nothing of that name") is None
    whole = file.read_bytes()
    assert kept_matcher(TRIGGERS).hits(b"anna") == [(0, 0, 4)]
    assert file.read_bytes() == whole


def test_a_folder_that_others_may_write_to_is_not_trusted(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)

    kept.keep("one", b"data")
    assert list(folder.iterdir()) == []
    folder.chmod(0o700)
    kept.keep("one", b"data")
    assert kept.recall("one") == b"data"
    folder.chmod(0o770)
    assert kept.recall("one") is None


def test_where_nothing_can_be_kept_everything_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert kept_matcher(TRIGGERS).hits(b"anna") == [(0, 0, 4)]
    assert os.listdir(tmp_path) == ["file"]


def test_the_built_in_triggers_are_the_same_in_every_process() -> None:
    program = (
        "from inference.redaction.scan import BUILT_IN_SCANNER as scanner;"
        "from hashlib import sha256; print(sha256(repr(scanner._whole._triggers).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
