from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import pytest

from tests.test_layout import ROOT


@pytest.mark.cell
@pytest.mark.timeout(300)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system and have PostgreSQL on it")
def test_a_cell_on_a_full_disk_answers_nothing_unrecorded_and_recovers() -> None:
    with tempfile.TemporaryDirectory(prefix="bw-full-") as folder:
        script = f'mount -t tmpfs -o size=700m,mode=755 tmpfs "{folder}" && exec "{sys.executable}" -m "$0" "{folder}"'
        command = ["unshare", "--mount", "sh", "-c", script, "tests.bailiwick.embedded.full_disk"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["before"], report["after"]) == (200, 200)
    assert (report["refused"], report["code"]) == (503, "audit_unavailable")
    assert int(report["retry_after"]) >= 1
    assert report["recovered_s"] < 30
    assert report["same_supervisor"]
