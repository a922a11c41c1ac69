"""Formats as files of an export."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from audit import bundle, formats
from audit.checkpoint import origin
from audit.formats import Form, Format
from audit.verifier.__main__ import main, verify
from audit.verifier.verdict import Incomplete, Refusal, Tampered
from tests.audit.formats.test_cef import parse
from tests.audit.formats.test_ocsf import problems
from tests.audit.logs import REGION, Log
from tests.audit.verifier.second import SecondVerifier

_FILES = {
    "cef-000000000010-000000000029.log.gz",
    "ecs-000000000010-000000000029.ndjson.gz",
    "ocsf-000000000010-000000000029.ndjson.gz",
}


@pytest.fixture(scope="module")
def second() -> Iterator[SecondVerifier]:
    with SecondVerifier() as verifier:
        yield verifier


@pytest.fixture
def log() -> Log:
    return Log().grow(30)


def _forms(log: Log) -> tuple[Form, ...]:
    return formats.forms(Format, formats.Log(REGION, origin(REGION, log.workspace)))


@pytest.fixture
def export(log: Log, tmp_path: Path) -> Path:
    """Entries 10 to 29, in every format."""
    log.export(tmp_path / "export", 10, 30, forms=_forms(log))
    return tmp_path / "export"


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_an_export_has_the_entries_and_beside_them_every_format_asked_for(export: Path, log: Log) -> None:
    plain = log.export(export.parent / "plain", 10, 30)

    assert main([str(export), "--key", log.signer.vkey]) == 0
    assert {path.name for path in export.iterdir()} - {
        path.name for path in (export.parent / "plain").iterdir()
    } == _FILES
    assert sha256((export / bundle.MANIFEST).read_bytes()).hexdigest() != plain
    assert all(name.partition("-")[0] in (export / bundle.README).read_text() for name in _FILES)


def test_each_line_is_made_of_the_entry_in_the_same_place(export: Path, log: Log) -> None:
    cef, ecs, ocsf = (_lines(export / name) for name in sorted(_FILES))

    assert len(cef) == len(ecs) == len(ocsf) == 20
    for place, body in enumerate(log.bodies[10:], 10):
        digest = sha256(body).hexdigest()
        event, document, (_, extension) = (
            json.loads(ocsf[place - 10]),
            json.loads(ecs[place - 10]),
            parse(cef[place - 10]),
        )
        assert problems(event) == []
        assert (event["metadata"]["sequence"], event["raw_data_hash"]["value"]) == (place, digest)
        assert (document["event"]["sequence"], document["event"]["hash"]) == (place, digest)
        assert (extension["cn1"], extension["cs2"]) == (str(place), digest)


def test_verifiers_that_know_no_formats_check_the_hashes_of_the_new_files(
    export: Path, log: Log, second: SecondVerifier
) -> None:
    assert second.status(export) == 0
    manifest = json.loads((export / bundle.MANIFEST).read_bytes())

    assert manifest["v"] == 1
    assert all(file.keys() == {"name", "sha256", "bytes"} for file in manifest["files"] if file["name"] in _FILES)
    chance = random.Random(2)
    for name in sorted(_FILES):
        path, data = export / name, (export / name).read_bytes()
        for place in chance.sample(range(len(data)), 40):
            changed = bytearray(data)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            with pytest.raises(Refusal):
                verify(export, [log.signer.vkey])
            assert second.status(export) == 1
        path.write_bytes(gzip.compress(data))
        with pytest.raises(Tampered):
            verify(export)
        path.unlink()
        with pytest.raises(Incomplete):
            verify(export)
        assert second.status(export) == 2
        path.write_bytes(data)
    assert main([str(export)]) == 0


def test_the_same_stretch_in_the_same_formats_gives_the_same_bytes(export: Path, log: Log) -> None:
    log.export(export.parent / "again", 10, 30, forms=_forms(log))

    for path in export.iterdir():
        assert path.read_bytes() == (export.parent / "again" / path.name).read_bytes()


def test_a_long_stretch_is_split_alike_in_every_format(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.bundle.ENTRIES_IN_A_FILE", 7)
    log.export(tmp_path / "export", 3, 30, forms=_forms(log))

    spans = {
        kind: sorted(path.name.split(".")[0].removeprefix(kind) for path in (tmp_path / "export").glob(f"{kind}-*"))
        for kind in ("entries", "ocsf", "ecs", "cef")
    }
    assert len(spans["entries"]) == 4
    assert spans["entries"] == spans["ocsf"] == spans["ecs"] == spans["cef"]
    assert main([str(tmp_path / "export")]) == 0


def test_an_empty_stretch_has_no_files_of_lines(log: Log, tmp_path: Path) -> None:
    log.export(tmp_path / "export", 30, 30, forms=_forms(log))

    assert not list((tmp_path / "export").glob("ocsf-*"))
    assert main([str(tmp_path / "export")]) == 0


def test_what_is_no_entry_is_not_exported_in_any_format(log: Log, tmp_path: Path) -> None:
    log.bodies[20] = b'{"v":1}'

    with pytest.raises(bundle.LogDamaged):
        log.export(tmp_path / "export", 10, 30, forms=_forms(log))
