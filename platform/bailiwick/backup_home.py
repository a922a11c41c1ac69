"""A new home for an embedded cell that is put back: its databases run, and are empty, while the restore is done."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import django

from bailiwick.embedded import control, regions
from bailiwick.embedded import postgres as pg
from bailiwick.embedded.directory import write_directory
from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home, write
from bailiwick.embedded.services import Plan
from cell.config import backup_server
from cell.objects import ObjectNotFound
from retention.backups.places import locate, told

_WriteHome = Callable[[Mapping[str, bytes]], None]


@contextlib.contextmanager
def new_home(folder: Path, source: str, root_key: Path | None) -> Iterator[_WriteHome]:
    """Makes the home in `folder`, under the root key out of its escrow, and this process its owner's. A home that was not restored
    is removed again. Raises CellError or PostgresError.
    """
    home = Home.at(folder)
    if home.path.exists() and any(home.path.iterdir()):
        raise CellError(f"{home.path} is not empty: a cell is put back into a new --home.")
    if root_key is None:
        raise CellError("A backup opens under the cell's root alone: name its copy with --root-key FILE.")
    region = regions.region(_region_in(source))
    root = _read(root_key)
    home.prepare()
    try:
        write(home.root_key_file, root)
        with control.sole_supervisor(home), _running(home, region):
            yield lambda files: _write_home(home, files)
    except BaseException:
        with contextlib.suppress(pg.PostgresError):
            shutil.rmtree(pg.Postgres(data=home.postgres_data, socket=home.postgres_socket).data, ignore_errors=True)
        shutil.rmtree(home.path)
        raise


@contextlib.contextmanager
def _running(home: Home, region: regions.EmbeddedRegion) -> Iterator[None]:
    """The home's PostgreSQL with roles and empty databases, and this process configured as the owner's."""
    postgres, passwords = pg.Postgres(data=home.postgres_data, socket=home.postgres_socket), home.passwords()
    if postgres.exists:
        shutil.rmtree(postgres.data)  # of a home that was deleted: root's data lies elsewhere
    postgres.initialise(passwords[pg.SUPERUSER])
    server = pg.start(postgres, passwords[pg.SUPERUSER], home.logs / "postgres.log")
    try:
        pg.provision(postgres, passwords[pg.SUPERUSER], passwords)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
            vkey = write_directory(home, region, f"http://127.0.0.1:{port}")
            plan = Plan(home, region, port, unused, unused, vkey, postgres, passwords)
            os.environ.update(plan.environment("owner", "auditor"))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
        django.setup()
        yield
    finally:
        pg.stop(server)


def _write_home(home: Home, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write(home.kept_in_backups[name], content.decode())


def _region_in(source: str) -> str:
    """Of the cell whose backups lie there, unverified: it says only what to make ready. Raises CellError, PlaceFailed,
    PlaceRefused or ConfigError.
    """
    found = locate(source, backup_server(os.environ))
    with told(found.name):
        for key in found.store.keys(f"{found.prefix}points/"):
            if key.endswith("/manifest"):
                with contextlib.suppress(ValueError, KeyError, TypeError, ObjectNotFound):
                    return str(json.loads(found.store.get(key))["manifest"]["region"])
    raise CellError(f"There is no backup in {found.name}.")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CellError(f"The root key {path} cannot be read.") from error
