"""The folder of an embedded cell: what lies where, and the secrets that are made once.

cell.json       how to reach the cell and as whom; there only while the cell is ready (0600)
cells.json      the signed directory of regions
settings.json   region and port, remembered from one `up` to the next
secrets/        database passwords, root key, directory key, what bootstrap made (0700, files 0600)
pg/ objects/ models/ state/     data
log/            one file a process, rotated by size
run/            sockets (elsewhere if the path is too long for a Unix socket)
tour/           what `bailiwick tour` was given
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bailiwick.embedded import postgres
from bailiwick.embedded.errors import CellError

DEFAULT = Path(".bailiwick")
LONGEST_SOCKET_NAME = "engine.sock"
NEW_HOME_BYTES = 600 * 1024 * 1024
"""A cluster and the demo models take about 250 MB; the rest is room for PostgreSQL's log of writes."""
OLD_HOME_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one cell. Nothing is created by naming them."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        return cls(path.expanduser().absolute())

    @property
    def cell_file(self) -> Path:
        return self.path / "cell.json"

    @property
    def cells_file(self) -> Path:
        return self.path / "cells.json"

    @property
    def settings_file(self) -> Path:
        return self.path / "settings.json"

    @property
    def device(self) -> str:
        """What the engine of the cell that was started last is on."""
        return str(read_json(self.settings_file).get("device", "cpu"))

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def supervisor_file(self) -> Path:
        return self.path / "supervisor.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def passwords_file(self) -> Path:
        return self.secrets / "passwords.json"

    @property
    def root_key_file(self) -> Path:
        return self.secrets / "root.key"

    @property
    def directory_seed_file(self) -> Path:
        return self.secrets / "directory.seed"

    @property
    def people_file(self) -> Path:
        """What bootstrap made: organization, workspace, administrator and keys."""
        return self.secrets / "people.json"

    @property
    def kept_in_backups(self) -> dict[str, Path]:
        """What a backup holds of the folder, by the name that it has there."""
        return {path.name: path for path in (self.settings_file, self.people_file, self.directory_seed_file)}

    @property
    def operator_file(self) -> Path:
        """Configuration of the operator's commands, as environment variables."""
        return self.secrets / "operator.json"

    @property
    def logs(self) -> Path:
        return self.path / "log"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def trusted_keys(self) -> Path:
        """Whose artifacts the engine runs."""
        return self.state / "artifact-keys"

    @property
    def tour(self) -> Path:
        return self.path / "tour"

    @property
    def run(self) -> Path:
        """Where sockets are. The kernel allows them 107 bytes; a deeper home has them in a private temporary folder."""
        inside = self.path / "run"
        if len(os.fsencode(inside / LONGEST_SOCKET_NAME)) <= postgres.SOCKET_PATH_LIMIT - len("pg/.s.PGSQL.5432"):
            return inside
        key = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"bailiwick-{os.getuid()}-{key}"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    @property
    def engine_socket(self) -> Path:
        return self.run / LONGEST_SOCKET_NAME

    @property
    def postgres_data(self) -> Path:
        return self.path / "pg" / "data"

    @property
    def postgres_socket(self) -> Path:
        return self.run / "pg"

    def prepare(self) -> bool:
        """Makes the folders and, once, the secrets. True if they are new. Raises CellError."""
        try:
            # Root's PostgreSQL runs as another account, which has to walk through the home and see nothing in it.
            _folder(self.path, 0o711 if os.geteuid() == 0 else 0o700)
            new = not self.root_key_file.exists()
            _check_space(self.path, NEW_HOME_BYTES if new else OLD_HOME_BYTES)
            for folder in (self.secrets, self.logs, self.state, self.objects, self.models):
                _folder(folder, 0o700)
            _folder(self.path / "pg", 0o711)
            _folder(self.run, 0o711)
            if self.run.stat().st_uid != os.geteuid():
                raise CellError(f"{self.run} belongs to somebody else; choose a --home with a shorter path.")
            if new:
                passwords = {role: secrets.token_hex(24) for role in (postgres.SUPERUSER, *postgres.ROLES)}
                write_json(self.passwords_file, passwords)
                write(self.directory_seed_file, secrets.token_hex(32))
                write(self.root_key_file, secrets.token_hex(32))  # the last: its being there means all are
        except OSError as error:
            raise CellError(f"{self.path} cannot be used as the cell's home: {error.strerror}.") from error
        return new

    def passwords(self) -> dict[str, str]:
        return dict(read_json(self.passwords_file))

    def directory_seed(self) -> bytes:
        return bytes.fromhex(self.directory_seed_file.read_text())

    def people(self) -> dict[str, Any] | None:
        return dict(read_json(self.people_file)) if self.people_file.exists() else None

    def cell(self) -> dict[str, Any]:
        """cell.json of the running cell. Raises CellError if none runs here."""
        try:
            return dict(read_json(self.cell_file))
        except FileNotFoundError:
            raise CellError(
                f"No cell is running in {self.path}. Start one with: bailiwick up --home {self.path}"
            ) from None


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write(path, json.dumps(value, indent=2) + "\n")


def write(path: Path, text: str) -> None:
    """Replaces `path` in one step: a reader, or a power cut, finds the old or the new and nothing between. Mode 0600."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)


def _folder(path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def _check_space(path: Path, need: int) -> None:
    free = shutil.disk_usage(path).free
    if free < need:
        raise CellError(
            f"The disk of {path} has {free // 2**20} MB left and the cell needs {need // 2**20} MB. "
            "Free some, or choose another place with --home."
        )
