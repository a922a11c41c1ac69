"""The drill: the newest backup restored into a cell in a temporary folder, which is thrown away, and the result on the record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from audit import log
from audit.actions import Action
from bailiwick.embedded import postgres as pg
from bailiwick.embedded.cluster import Cluster
from cell.access import system_actor
from cell.config import config
from cell.keys import cell_keys
from cell.scratch import scratch, sweep_folder
from retention.backups.errors import RestoreRefused
from retention.backups.manifest import Manifest
from retention.backups.places import Place

_OF_THE_SCRATCH_CELL = ("BAILIWICK_HOME", "BAILIWICK_OBJECTS", "BAILIWICK_REDIS_URL", "BAILIWICK_ENGINE_SOCKET")


@dataclass(frozen=True, slots=True)
class Drilled:
    passed: bool
    duration_s: float
    counts: Mapping[str, int]
    said: str
    """What the restore said when it failed."""


def drill(place: Place) -> Drilled:
    """Restores the newest backup of `place`, with all of its checks, and writes the entry. Raises BackupError without a backup."""
    manifests = [one for one in place.manifests(cell_keys(), config().region) if one.restorable]
    if not manifests:
        raise RestoreRefused(f"There is no backup in {place.name}.")
    began = time.monotonic()
    # /tmp: the path of a Unix socket is short, and PostgreSQL's account has to walk there.
    root = Path(tempfile.gettempdir())
    sweep_folder(root, "bw-drill-*")  # of a drill that was killed
    with scratch("bw-drill", root=root) as folder:
        done = _restored(place, manifests[-1], folder)
    duration = time.monotonic() - began
    passed = done.returncode == 0
    result = json.loads(done.stdout) if passed else {}
    counts = {name: int(result.get(name, 0)) for name in ("tombstones", "entries", "payloads_opened")}
    with transaction.atomic():
        log.record(
            actor=system_actor("command"),
            action=Action.BACKUP_DRILLED,
            targets=[manifests[-1].point.hex],
            after={
                "passed": passed,
                "cause": None if passed else "restore-failed",
                "duration_ms": round(duration * 1000),
                "verified": result.get("verified", {}),
                **counts,
            },
        )
    return Drilled(passed, duration, counts, done.stderr.strip())


def _restored(place: Place, manifest: Manifest, folder: Path) -> subprocess.CompletedProcess[str]:
    cluster = Cluster(folder, region=manifest.region, cell=manifest.cell)
    password = cluster.passwords[pg.SUPERUSER]
    cluster.postgres.initialise(password)
    server = pg.start(cluster.postgres, password, folder / "postgres.log", ends_with_us=True)
    try:
        pg.provision(cluster.postgres, password, cluster.passwords)
        command = [sys.executable, "-m", "bailiwick.cli", "restore", "--json"]
        command += ["--from", place.name, "--point", manifest.point.hex]
        return subprocess.run(
            command, env=_environment(cluster), cwd=folder, capture_output=True, text=True, check=False
        )
    finally:
        pg.stop(server)


def _environment(cluster: Cluster) -> dict[str, str]:
    """This cell's own configuration, keys and directory included, over the databases and folders of the scratch cell."""
    scratch = cluster.owner_environ()
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BAILIWICK_OBJECTS_")}
    return ours | {
        name: value for name, value in scratch.items() if name in _OF_THE_SCRATCH_CELL or name.endswith("DATABASE_URL")
    }
