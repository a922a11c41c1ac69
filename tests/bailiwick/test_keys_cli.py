"""`bailiwick keys` on a cell of its own, from its first root to another one."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from bailiwick.embedded.cluster import ROOT, Cluster
from cell.ids import Tag, tagged, uuid7
from tests.peers.kms import ENVIRON, Kms, kms
from tests.peers.softhsm import SoftHsm, softhsm
from tests.peers.transit import Transit, transit


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


_MAKE_KEY = """
import asyncio, sys, uuid
from cell.config import config
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keystore.ring import KeyRing
async def made():
    ring = KeyRing(config().keystore_database.conninfo, cell_keys())
    await ring.data_key(uuid.UUID(sys.argv[1]), uuid7())
    await ring.close()
asyncio.run(made())
"""
_START = """
import django; django.setup()
from cell.config import config
from cell.guard import check_region
check_region(config())
"""


def make_key(environ: Mapping[str, str], workspace: UUID) -> None:
    """As a web process of that configuration would."""
    done = run(environ, "-c", _MAKE_KEY, str(workspace))
    assert done.returncode == 0, done.stderr


def start(environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """As every process of a cell does before it serves."""
    return run({**environ, "DJANGO_SETTINGS_MODULE": "bailiwick.settings"}, "-c", _START)


@pytest.mark.timeout(400)  # forty processes, one after the other
def test_a_cell_walks_through_every_kind_of_root_and_goes_on(own: Cluster, tmp_path: Path) -> None:
    before, workspace = own.environ(), uuid7()
    make_key(before, workspace)
    seeded = {**before, "BAILIWICK_SEED_FILE": str(own.folder / "seed")}
    with kms() as aws, transit(tmp_path) as vault:
        roots, reached = _roots(own.folder, softhsm(tmp_path), aws, vault)
        old = before["BAILIWICK_ROOT_KEY"]
        for number, root in enumerate(roots):
            alone = {**seeded, **reached, "BAILIWICK_ROOT_KEY": root}
            both = {**alone, "BAILIWICK_PREVIOUS_ROOT_KEYS": old}
            if number == 0:
                unseeded = keys(both, "status")
                assert (unseeded.returncode, "bailiwick keys init" in unseeded.stderr) == (1, True)
                assert keys(both, "init").returncode == 0
                assert "There is a seed" in keys(both, "init").stderr
            assert keys(both, "status").stdout.count("workspace keys") == 2
            assert "1 workspace keys were brought under it" in keys(both, "rotate-root").stdout
            assert "root     " + root.partition(":")[0] in keys(alone, "status").stdout
            rotated = keys(alone, "rotate", tagged(Tag.WORKSPACE, own.cell, workspace), "--cell")
            assert f"version {number + 2} " in rotated.stdout
            assert start(alone).returncode == 0
            make_key(alone, workspace)
            old = root
        assert "0 workspace keys were brought under it" in keys(alone, "rotate-root").stdout

    told = _entries(own)
    assert [[entry["action"] for entry in told].count(f"workspace-key.{what}") for what in _OPERATIONS] == [1, 4, 4]
    rewrapped = [entry["after"]["rewrapped"] for entry in told if entry["action"] == "root-key.rotated"]
    assert rewrapped == [1, 1, 1, 1, 0]
    away = start(alone)  # Vault has ended
    assert away.returncode != 0 and "Vault does not answer" in away.stderr
    assert "the key store was made with another seed" in start({**before, "BAILIWICK_ROOT_KEY": roots[0]}).stderr


_OPERATIONS = ("created", "rewrapped", "rotated")


def _roots(folder: Path, hsm: SoftHsm, aws: Kms, vault: Transit) -> tuple[list[str], dict[str, str]]:
    """One root of each kind, and how they are reached."""
    file = folder / "new.key"
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(32))
    hsm.make_key("cell-root")
    vault.make_key("cell-root")
    roots = [f"file:{file}", "pkcs11:cell-root", f"aws-kms:{aws.make_key()}", "vault:transit/cell-root"]
    reached = {
        **hsm.environ,
        **ENVIRON,
        "BAILIWICK_PKCS11_MODULE": str(hsm.token.module),
        "BAILIWICK_PKCS11_TOKEN": hsm.token.label,
        "BAILIWICK_PKCS11_PIN_FILE": str(hsm.token.pin_file),
        "BAILIWICK_AWS_KMS_ENDPOINT": aws.endpoint,
        "BAILIWICK_VAULT_ADDRESS": vault.server.address,
        "BAILIWICK_VAULT_TOKEN_FILE": str(vault.server.token_file),
        "BAILIWICK_VAULT_CA_FILE": str(vault.server.ca_file),
    }
    return roots, reached


def _entries(cluster: Cluster) -> list[dict[str, Any]]:
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute("select convert_from(body, 'utf8')::jsonb from audit_entry order by id").fetchall()
    return [entry for (entry,) in rows]


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


def test_the_key_that_signs_the_log_is_rotated_and_the_old_one_signs_for_a_while(own: Cluster) -> None:
    environ = own.environ()
    (before,) = keys(environ, "signers").stdout.splitlines()

    refused = keys(environ, "rotate-signer", "--overlap-days", "0")
    done = keys(environ, "rotate-signer", "--overlap-days", "7")
    again = keys(environ, "rotate-signer")

    after = keys(environ, "signers").stdout.splitlines()
    assert (refused.returncode, done.returncode, again.returncode) == (1, 0, 1)
    assert "from 1 to 366 days" in refused.stderr and "both keys sign until" in again.stderr
    assert [line.split(":")[0].split()[:2] for line in after] == [["key", "2"], ["key", "1"]]
    assert after[0].split()[-1] in done.stdout and before.split()[-1] in done.stdout
    assert after[1].endswith(before.split()[-1])
    with psycopg.connect(own.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute("select body from audit_entry where tree = 'cell' order by id desc limit 1").fetchall()
    assert rows[0][0].startswith(b'{"action":"log.signer-rotated"')
