"""PostgreSQL and Redis of a throw-away cell in a folder of its own: what tests and benchmarks run on.

The roles, their rights and the two databases are those of production; only the folder is temporary.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bailiwick.embedded import postgres as pg
from bailiwick.embedded import redis as rd
from cell.notes import Signer
from cell.regions import Region, sign_directory

BASE_URL = "http://127.0.0.1:8080"
ROOT = Path(__file__).resolve().parents[3]


@dataclass(slots=True)
class Cluster:
    """`environ` is known at once, so that Django can be configured; `start` makes it true."""

    folder: Path
    region: str = "eu-de-1"
    cell: str = "eude1"
    passwords: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_hex(16) for name in (pg.SUPERUSER, *pg.ROLES)}
    )
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    directory_signer: Signer = field(default_factory=lambda: Signer.generate("cells.test"))
    postgres: pg.Postgres = field(init=False)

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)  # the unprivileged account of PostgreSQL walks through it
        self.postgres = pg.Postgres(data=self.folder / "pg" / "data", socket=self.folder / "pg" / "run")

    @property
    def redis_socket(self) -> Path:
        return self.folder / "redis.sock"

    def url(self, role: str, database: str = pg.DATABASE) -> str:
        return self.postgres.url(role, self.passwords[role], database)

    def environ(self) -> dict[str, str]:
        """Configuration of a process that may do everything but own: all roles' URLs except the owner's."""
        return {
            "BAILIWICK_REGION": self.region,
            "BAILIWICK_CELL": self.cell,
            "BAILIWICK_HOME": str(self.folder),
            "BAILIWICK_DATABASE_URL": self.url("bailiwick_web"),
            "BAILIWICK_SEALER_DATABASE_URL": self.url("bailiwick_sealer"),
            "BAILIWICK_AUDITOR_DATABASE_URL": self.url("bailiwick_auditor"),
            "BAILIWICK_KEYSTORE_DATABASE_URL": self.url(pg.KEYSTORE_ROLE, pg.KEYSTORE_DATABASE),
            "BAILIWICK_KEYSTORE_AUDITOR_DATABASE_URL": self.url("bailiwick_auditor", pg.KEYSTORE_DATABASE),
            "BAILIWICK_REDIS_URL": f"redis+socket://{self.redis_socket}",
            "BAILIWICK_OBJECTS": str(self.folder / "objects"),
            "BAILIWICK_ROOT_KEY": f"file:{self.folder / 'root.key'}",
            "BAILIWICK_CELLS_FILE": str(self.folder / "cells.json"),
            "BAILIWICK_CELLS_VKEY": self.directory_signer.vkey,
            "BAILIWICK_ENGINE_SOCKET": str(self.folder / "engine.sock"),
            "BAILIWICK_BASE_URL": BASE_URL,
            "BAILIWICK_ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
            "BAILIWICK_EMBEDDED": "1",
            "BAILIWICK_LISTEN": "127.0.0.1:8080",
            "BAILIWICK_INTERNAL_LISTEN": "127.0.0.1:9464",
        }

    def owner_environ(self) -> dict[str, str]:
        return {**self.environ(), "BAILIWICK_OWNER_DATABASE_URL": self.url("bailiwick_owner")}

    def write_files(self) -> None:
        """The root key and the directory of regions: settings need them before anything runs."""
        root_key = self.folder / "root.key"
        root_key.touch(mode=0o600)
        root_key.write_text(secrets.token_hex(32))
        here = Region(self.region, self.cell, "eu", BASE_URL, BASE_URL)
        elsewhere = Region("us-east-1", "usea1", "us", "https://api.us-east.example", "https://console.us-east.example")
        (self.folder / "cells.json").write_bytes(sign_directory([here, elsewhere], self.directory_signer))

    def start(self) -> None:
        """Starts both servers, provisions roles and databases, migrates."""
        self.postgres.initialise(self.passwords[pg.SUPERUSER])
        self.processes.append(pg.start(self.postgres, self.passwords[pg.SUPERUSER], self.folder / "postgres.log"))
        pg.provision(self.postgres, self.passwords[pg.SUPERUSER], self.passwords)
        with (self.folder / "redis.log").open("ab") as log:
            command = rd.command(self.folder, self.redis_socket)
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        rd.wait(self.redis_socket)
        self.migrate()

    def migrate(self) -> None:
        environ = {**os.environ, **self.owner_environ(), "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
        command = [sys.executable, "-m", "bailiwick.cli", "migrate"]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"bailiwick migrate failed:\n{done.stdout}{done.stderr}")

    def stop(self) -> None:
        for process in reversed(self.processes):
            pg.stop(process)
        self.processes.clear()
