"""Dumps of a database: PostgreSQL's own programs, their bytes streamed and never on a disk unsealed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final

import psycopg

from cell.database_url import DatabaseUrl
from retention.backups.errors import DumpFailed

_CHUNK: Final = 1 << 20
_LOCK_WAIT: Final = "60s"


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder with pg_dump and pg_restore, at least as new as the server."""

    folder: Path

    def dump(self, database: DatabaseUrl, target: BinaryIO) -> None:
        """One consistent snapshot of the database, in pg_dump's custom format. Raises DumpFailed."""
        arguments = ["--format=custom", "--compress=1", "--no-owner", f"--lock-wait-timeout={_LOCK_WAIT}"]
        with self._program("pg_dump", database, arguments, stdout=subprocess.PIPE) as process:
            shutil.copyfileobj(_pipe(process.stdout), target, _CHUNK)

    def restore(self, source: BinaryIO, database: DatabaseUrl) -> None:
        """All of a dump into an empty database, in one transaction. Raises DumpFailed."""
        arguments = ["--no-owner", "--exit-on-error", "--single-transaction"]
        with self._program("pg_restore", database, arguments, stdin=subprocess.PIPE) as process:
            pipe = _pipe(process.stdin)
            with contextlib.suppress(BrokenPipeError):  # it ended before its input did, and says why
                shutil.copyfileobj(source, pipe, _CHUNK)

    @contextmanager
    def _program(
        self,
        name: str,
        database: DatabaseUrl,
        arguments: list[str],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        path = self.folder / name
        if not path.exists():
            raise DumpFailed(f"{path} is not there: install PostgreSQL's client programs.")
        command = [str(path), "--no-password", *arguments, "-h", database.host, "-p", str(database.port)]
        command += ["-U", database.user, "-d", database.name]
        # The password is on no command line. Nothing else of ours is the program's business.
        environment = {"PATH": os.environ.get("PATH", ""), "PGPASSWORD": database.password, "LC_ALL": "C"}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=errors)
            try:
                yield process
            except BaseException:
                process.kill()
                raise
            finally:
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        with contextlib.suppress(BrokenPipeError):
                            pipe.close()
                process.wait()
            if process.returncode != 0:
                errors.seek(0)
                raise DumpFailed(f"{name} of {database.name} failed: {_first_line(errors.read())}")


def is_empty(database: DatabaseUrl) -> bool:
    """Whether there is no table in it."""
    with psycopg.connect(database.conninfo, connect_timeout=5) as connection:
        found = connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchone()
    return found is not None and found[0] == 0


def server_version(database: DatabaseUrl) -> int:
    """Its major version."""
    with psycopg.connect(database.conninfo, connect_timeout=5) as connection:
        return connection.info.server_version // 10_000


def _pipe(pipe: IO[bytes] | None) -> BinaryIO:
    if pipe is None:
        raise RuntimeError("the pipe was asked for")
    return pipe  # type: ignore[return-value]  # a pipe of Popen is a binary file


def _first_line(said: bytes) -> str:
    """A program's first complaint; details of rows (`DETAIL`, `CONTEXT`) are on later lines."""
    return said.decode(errors="replace").strip().partition("\n")[0][:300] or "it said nothing"
