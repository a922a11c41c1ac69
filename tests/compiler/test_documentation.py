from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from compiler.artifact.fingerprint import Fingerprint
from compiler.artifact.manifest import BucketEntry, Evidence, Manifest
from compiler.artifact.refusal import Reason
from compiler.show import shown
from compiler.validate.contract import Contract
from compiler.validate.parity import Finding
from tests.test_layout import ROOT

PAGE = ROOT / "docs" / "compiler.md"


def test_the_example_of_the_page_runs_as_it_is_printed(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "compiled  rows=8" in done.stdout and "padded    along rows" in done.stdout
    assert done.stdout.splitlines()[-1].count(": 0") == 2
    assert len(list((tmp_path / "artifacts").iterdir())) == 1


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_layer_on_the_page_is_what_the_passes_make_of_it_today() -> None:
    assert PAGE.read_text().endswith(f"for one token.\n\n{shown()}"), "python -m compiler.show prints the page's end"


def test_every_member_and_reason_is_on_a_page() -> None:
    written = (ROOT / "docs" / "formats" / "artifact.md").read_text()
    members = [
        each.name for kind in (Manifest, BucketEntry, Evidence, Fingerprint) for each in msgspec.structs.fields(kind)
    ]
    members += [each.name for kind in (Contract, Finding) for each in fields(kind)]

    assert [name for name in members if f"`{name}`" not in written] == []
    assert [reason for reason in Reason if f"`{reason}`" not in PAGE.read_text()] == []
