"""Looks into a running embedded cell with the operator's own credentials: for checks that no API may offer."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from bailiwick.embedded import postgres as pg
from bailiwick.embedded.home import Home


class Inside:
    def __init__(self, home: Path) -> None:
        self.home = Home.at(home)
        self.passwords = self.home.passwords()
        self.postgres = pg.Postgres(data=self.home.postgres_data, socket=self.home.postgres_socket)

    @contextmanager
    def connection(
        self, role: str = "bailiwick_auditor", database: str = pg.DATABASE
    ) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.postgres.url(role, self.passwords[role], database), autocommit=True) as connection:
            yield connection

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            return connection.execute(query, arguments).fetchall()  # type: ignore[call-overload]  # tests' own SQL

    def entries(self) -> list[tuple[Any, bytes]]:
        """Every entry of every tree: id and body."""
        return [(entry, bytes(body)) for entry, body in self.rows("select id, body from audit_entry order by id")]

    def checkpoint(self) -> None:
        """Makes PostgreSQL write every page it holds in memory."""
        with self.connection(pg.SUPERUSER, "postgres") as connection:
            connection.execute("checkpoint")

    def postgres_files(self) -> Iterator[Path]:
        """Heap, index and write-ahead-log files. Root reads them also where they are not below the home."""
        for folder in ("base", "pg_wal", "global"):
            for path, _, names in os.walk(self.postgres.data / folder):
                yield from (Path(path) / name for name in names)

    def redis_contents(self) -> bytes:
        client = redis.Redis(unix_socket_path=str(self.home.redis_socket))
        return b"\n".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())

    def metrics(self) -> bytes:
        with urllib.request.urlopen(self.home.cell()["metrics_url"], timeout=10) as response:
            return bytes(response.read())
