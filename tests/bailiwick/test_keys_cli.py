"""`bailiwick keys` on a cell of its own, from its first root to another one."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from bailiwick.embedded.cluster import ROOT, Cluster
from cell.config import load
from cell.ids import Tag, tagged, uuid7
from cell.keys import open_keys
from cell.keystore.ring import KeyRing


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="bw-keys-"))
    cluster = Cluster(folder)
    cluster.write_files()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def run(environ: Mapping[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **environ}
    return subprocess.run(
        [sys.executable, *command], env=whole, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def keys(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = run(environ, "-m", "bailiwick.cli", "keys", *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def make_key(environ: Mapping[str, str], workspace: UUID) -> None:
    """As a web process of that configuration would."""
    config = load(environ)

    async def made() -> None:
        ring = KeyRing(config.keystore_database.conninfo, open_keys(config.keys))
        await ring.data_key(workspace, uuid7())
        await ring.close()

    asyncio.run(made())


def test_a_cell_gets_another_root_and_goes_on(own: Cluster) -> None:
    before = own.environ()
    workspace = uuid7()
    make_key(before, workspace)
    file = own.folder / "new.key"
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(32))
    alone = {**before, "BAILIWICK_ROOT_KEY": f"file:{file}", "BAILIWICK_SEED_FILE": str(own.folder / "seed")}
    both = {**alone, "BAILIWICK_PREVIOUS_ROOT_KEYS": before["BAILIWICK_ROOT_KEY"]}

    unseeded = keys(both, "status")
    assert (unseeded.returncode, "bailiwick keys init" in unseeded.stderr) == (1, True)
    assert keys(both, "init").returncode == 0
    assert "There is a seed" in keys(both, "init").stderr
    assert keys(both, "status").stdout.count("workspace keys") == 2
    assert "1 workspace keys were brought under it" in keys(both, "rotate-root").stdout
    assert "0 workspace keys were brought under it" in keys(both, "rotate-root").stdout

    assert "1 workspace keys" in keys(alone, "status").stdout
    assert "version 2" in keys(alone, "rotate", tagged(Tag.WORKSPACE, own.cell, workspace), "--cell").stdout
    make_key(alone, workspace)
    with psycopg.connect(own.url("bailiwick_auditor")) as auditor:
        entries = auditor.execute("select convert_from(body, 'utf8')::jsonb from audit_entry order by id").fetchall()
    told = [entry["action"] for (entry,) in entries]
    assert [told.count(f"workspace-key.{what}") for what in ("created", "rewrapped", "rotated")] == [1, 1, 1]
    assert [entry["after"]["rewrapped"] for (entry,) in entries if entry["action"] == "root-key.rotated"] == [1, 0]

    start = "import django; django.setup(); from cell.config import config; from cell.guard import check_region as c; c(config())"
    settings = {"DJANGO_SETTINGS_MODULE": "bailiwick.settings"}
    assert run(alone | settings, "-c", start).returncode == 0
    seedless = run({**before, "BAILIWICK_ROOT_KEY": f"file:{file}"} | settings, "-c", start)
    assert "the key store was made with another seed" in seedless.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rotate", "ws_eufr1_" + "0" * 32, "--cell"), "is not a workspace of this cell"),
        (("rotate", "ws_eude1_" + "0" * 32, "--cell"), "The workspace has no key"),
        (("rotate", "ws_eude1_" + "0" * 32, "--own", "anything"), "--own must be like"),
        (("rotate", "ws_eude1_" + "0" * 32, "--own", "aws-kms:arn:aws:kms:us-east-1:123456789012:key/a"), "legal area"),
        (("init",), "BAILIWICK_SEED_FILE is not set"),
    ],
)
def test_mistakes_are_answered_in_words(own: Cluster, arguments: tuple[str, ...], words: str) -> None:
    done = keys(own.environ(), *arguments)

    assert done.returncode == 1
    assert words in done.stderr
