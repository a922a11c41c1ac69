"""Backups for tests: `bailiwick backup` and `restore` as an operator types them, into cells of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bailiwick.embedded import postgres as pg
from bailiwick.embedded.cluster import ROOT, Cluster
from cell.config import load
from cell.object_config import S3Bucket
from cell.objects import FileObjectStore, ObjectStore, open_store
from cell.regions import Region, sign_directory

ELSEWHERE = (
    Region("eu-fr-1", "eufr1", "eu", "https://api.eu-fr.example", "https://console.eu-fr.example", "eu-de-1"),
    Region("eu-es-1", "eues1", "eu", "https://api.eu-es.example", "https://console.eu-es.example"),
    Region("us-va-1", "usva1", "us", "https://api.us-va.example", "https://console.us-va.example"),
)


PREFIX = "cells/eude1/"


@dataclass(frozen=True)
class Kept:
    """A place of backups, as an operator names it, and its store, to look behind the commands."""

    address: str
    store: ObjectStore
    prefix: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What a process needs in its environment to reach it."""

    def __str__(self) -> str:
        return self.address

    def key(self, point: str, file: str = "") -> str:
        return f"{self.prefix}points/{point}/{file}"

    @property
    def points(self) -> set[str]:
        start = f"{self.prefix}points/"
        return {key.removeprefix(start).partition("/")[0] for key in self.store.keys(start)}


def folder_place(folder: Path) -> Kept:
    return Kept(str(folder), FileObjectStore(folder))


def bucket_place(bucket: S3Bucket) -> Kept:
    settings = {
        "BAILIWICK_BACKUPS_REGION": bucket.region,
        "BAILIWICK_BACKUPS_LEGAL_AREA": bucket.declared_area or "",
        "BAILIWICK_BACKUPS_ENDPOINT": bucket.endpoint or "",
        "BAILIWICK_BACKUPS_CREDENTIALS_FILE": str(bucket.credentials_file),
    }
    return Kept(f"s3://{bucket.name}/{PREFIX.rstrip('/')}", open_store(bucket), PREFIX, settings)


def environ_of(cluster: Cluster) -> dict[str, str]:
    """The owner's configuration of `cluster`, with a directory of regions in which it has a peer."""
    environ = cluster.owner_environ()
    here = Region(
        cluster.region, cluster.cell, "eu", environ["BAILIWICK_BASE_URL"], environ["BAILIWICK_BASE_URL"], "eu-fr-1"
    )
    directory = cluster.folder / "peers.json"
    directory.write_bytes(sign_directory([here, *ELSEWHERE], cluster.directory_signer))
    return {**environ, "BAILIWICK_CELLS_FILE": str(directory)}


def run(environ: Mapping[str, str], *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments), env=whole(environ), cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bailiwick.cli", *map(str, arguments)]


def whole(environ: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **environ}


def python(environ: Mapping[str, str], script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `script` as a process of that cell."""
    environ = {**whole(environ), "DJANGO_SETTINGS_MODULE": "bailiwick.settings"}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environ, cwd=ROOT, capture_output=True, text=True, check=False
    )


def back_up(environ: Mapping[str, str], place: Kept) -> str:
    """The id of a new backup in `place`."""
    done = run(environ, "backup", "--to", place, "--region", "eu-fr-1")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[1].rstrip(":")


@contextlib.contextmanager
def empty_cell(source: Cluster, place: Kept | None = None) -> Iterator[dict[str, str]]:
    """The owner's configuration of an empty cell with the root, the region and the directory of `source`, and what reaches `place`;
    its server runs.
    """
    folder = Path(tempfile.mkdtemp(prefix="bw-to-"))
    cluster = Cluster(folder)
    password = cluster.passwords[pg.SUPERUSER]
    try:
        cluster.postgres.initialise(password)
        server = pg.start(cluster.postgres, password, folder / "postgres.log")
        try:
            pg.provision(cluster.postgres, password, cluster.passwords)
            kept = ("ROOT_KEY", "CELLS_FILE", "CELLS_VKEY")
            of_source = environ_of(source)
            same = {f"BAILIWICK_{name}": of_source[f"BAILIWICK_{name}"] for name in kept}
            yield cluster.owner_environ() | same | (place.settings if place else {})
        finally:
            pg.stop(server)
    finally:
        shutil.rmtree(folder)


STATE = """
import django, json, sys; django.setup()
from uuid import UUID
from bailiwick.celery import _check_region
from cell.access import WorkspaceRef
from retention.payloads import payload_open
found, said = [], ""
try:
    _check_region()
except SystemExit as refused:
    said = str(refused)
for workspace, organization, request in ([UUID(text) for text in row] for row in json.loads(sys.argv[1])):
    if payload_open(WorkspaceRef(workspace, organization, "eu-de-1"), request) is not None:
        found.append(request.hex)
print(json.dumps([said, found]))
"""


def state(environ: Mapping[str, str], requests: list[tuple[object, object, object]]) -> tuple[str, set[str]]:
    """What a worker of that cell says when it will not start (nothing if it starts), and those of `requests` (workspace,
    organization, request) whose payloads that cell opens, in hexadecimal.
    """
    done = python(environ, STATE, json.dumps([list(map(str, request)) for request in requests]))
    assert done.returncode == 0, done.stderr
    said, found = json.loads(done.stdout)
    return said, set(found)


def starts(environ: Mapping[str, str]) -> str:
    return state(environ, [])[0]


def databases(environ: Mapping[str, str]):
    """The owner's two databases, for PostgreSQL's programs."""
    config = load(environ)
    assert config.owner_database is not None
    return config.owner_database, replace(config.keystore_database)
