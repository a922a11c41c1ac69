"""``bailiwick backup …``: of the cell in `--home`, or of the one that the environment configures."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bailiwick.command import Told, setup

if TYPE_CHECKING:
    from retention.backups.dumps import Programs
    from retention.backups.places import Place


def add(parser: argparse.ArgumentParser) -> None:
    home: dict[str, Any] = {"type": Path, "metavar": "DIR", "help": "the cell's folder (.bailiwick)"}
    parser.add_argument("--home", default=Path(".bailiwick"), **home)
    parser.add_argument(
        "--to",
        metavar="PLACE",
        help="where the backup shall lie: a folder outside of the cell's, or s3://bucket/prefix",
    )
    parser.add_argument("--region", metavar="REGION", help="in which region that is: the cell's own, or its peer")
    parser.add_argument(
        "--ledger-only", action="store_true", help="only the ledger of erasures, if it has grown since its last copy"
    )
    parser.set_defaults(run=told(_make))
    commands = parser.add_subparsers(dest="action", metavar="ACTION")

    def command(name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text)
        added.add_argument("--home", default=argparse.SUPPRESS, **home)
        added.set_defaults(run=told(run))
        return added

    for name, run, text in (
        ("list", _list, "show which backups can be restored, and how old the oldest copy of the keys is"),
        ("prune", _prune, "remove copies of the keys that are as old as the horizon, and what was never finished"),
        (
            "drill",
            _drill,
            "restore the newest backup into a cell that is thrown away, and put the result on the record",
        ),
    ):
        command(name, run, text).add_argument("--from", dest="source", metavar="PLACE", required=True)
    commands.choices["prune"].add_argument(
        "--older-than-days", type=_days, metavar="N", help="also remove whole backups that are older"
    )
    replay = command("replay", _replay, "after another tool put the database back: replay the ledger of erasures")
    replay.add_argument("--accept-older-ledger", action="store_true", help="although the database knows a newer one")


def _make(options: argparse.Namespace) -> None:
    if options.to is None or options.region is None:
        raise Told("Name where the backup shall lie and in which region that is: --to PLACE --region REGION.")
    home = _become_owner(options.home)
    from cell.config import config
    from retention.backups.making import backup_make, is_copied
    from retention.backups.places import open_place
    from retention.backups.pruning import backup_prune

    began = time.monotonic()
    place = open_place(options.to, region=options.region, config=config(), make=True)
    if options.ledger_only and is_copied(place):
        print("the newest copy of the ledger is as long as the ledger")
        return
    files = None if home is None else _read_home(home)
    made = backup_make(place, programs(), home=files, ledger_only=options.ledger_only)
    pruned = backup_prune(place)
    print(f"backup {made.manifest.point.hex}: {made.bytes / 1e6:.1f} MB in {time.monotonic() - began:.0f} s")
    if pruned.keys or pruned.points:
        print(f"removed {pruned.keys} copies of the key store and {pruned.points} unfinished backups")


def _list(options: argparse.Namespace) -> None:
    place = _place(options)
    from cell.config import config
    from cell.keys import cell_keys
    from retention.backups.manifest import KEYS

    oldest = None
    print(f"{'backup':<34}{'begun (UTC)':<21}{'MB':>9}{'erasures':>10}  keys")
    for manifest in place.manifests(cell_keys(), config().region):
        there = place.has(manifest.point, KEYS)
        if there and oldest is None:
            oldest = manifest.begun
        size = sum(file.bytes for file in manifest.files.values()) / 1e6
        row = f"{manifest.point.hex:<34}{manifest.begun:%Y-%m-%d %H:%M:%S}  {size:>9.1f}{manifest.ledger.lines:>10}"
        print(f"{row}  {'yes' if there else 'removed' if manifest.restorable else 'the ledger alone'}")
    print("oldest copy of the key store: " + ("none" if oldest is None else f"{oldest:%Y-%m-%d %H:%M:%S} UTC"))


def _prune(options: argparse.Namespace) -> None:
    place = _place(options)
    from retention.backups.pruning import backup_prune

    done = backup_prune(place, older_than_days=options.older_than_days)
    print(f"removed {done.keys} copies of the key store and {done.points} backups")


def _drill(options: argparse.Namespace) -> int:
    place = _place(options)
    from bailiwick.backup_drill import drill

    done = drill(place)
    if not done.passed:
        raise Told(f"The drill failed, and the log says so: {done.said}")
    counts = ", ".join(f"{count} {name}" for name, count in done.counts.items())
    print(f"the newest backup was restored in {done.duration_s:.0f} s and thrown away: {counts}")
    return 0


def _replay(options: argparse.Namespace) -> None:
    _become_owner(options.home)
    from retention.backups.restoring import ledger_replay

    done = ledger_replay(accept_older_ledger=options.accept_older_ledger)
    print(f"replayed {done.mark.lines} erasures: this database may serve")


def _become_owner(folder: Path) -> Path | None:
    """Makes this process the owner's, of the cell that the environment configures, or of the embedded one in `folder`, which is
    returned then.
    """
    if "BAILIWICK_HOME" in os.environ:
        setup()
        return None
    from bailiwick.embedded import postgres as pg
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home
    from bailiwick.operator import configure

    try:
        home = Home.at(folder)
        home.cell()  # says what to do where no cell runs
        postgres = pg.Postgres(data=home.postgres_data, socket=home.postgres_socket)
        owner = "bailiwick_owner"
        os.environ["BAILIWICK_OWNER_DATABASE_URL"] = postgres.url(owner, home.passwords()[owner], pg.DATABASE)
        configure(home)
    except (CellError, pg.PostgresError) as error:
        raise Told(str(error)) from None
    return home.path


def _place(options: argparse.Namespace) -> Place:
    _become_owner(options.home)
    from cell.config import config
    from retention.backups.places import open_place

    return open_place(options.source, region=None, config=config())


def programs() -> Programs:
    """PostgreSQL's programs: those beside a server of this machine, else those on the path."""
    from bailiwick.embedded import postgres as pg
    from retention.backups.dumps import Programs

    try:
        return Programs(pg.find_binaries().folder)
    except pg.PostgresError:
        found = shutil.which("pg_dump")
        if found is None:
            raise Told("There is no pg_dump on this machine: install PostgreSQL's client programs.") from None
        return Programs(Path(found).parent)


def _read_home(home: Path) -> dict[str, bytes]:
    from bailiwick.embedded.home import Home

    return {name: path.read_bytes() for name, path in Home(home).kept_in_backups.items()}


def _days(text: str) -> int:
    days = int(text)
    if days < 1:
        raise ValueError("at least one day")
    return days


def told(action: Callable[[argparse.Namespace], int | None]) -> Callable[[argparse.Namespace], int]:
    """`action` with a line for everything that an operator can meet, and exit status 1 then."""

    def run(options: argparse.Namespace) -> int:
        import django.db
        import psycopg

        from bailiwick.embedded.errors import CellError
        from bailiwick.embedded.postgres import PostgresError
        from cell.config import ConfigError
        from cell.keys.provider import KeysError
        from cell.objects import ObjectStoreError
        from cell.regions import DirectoryError
        from retention.backups.errors import BackupError
        from retention.ledger import LedgerBroken

        ours = (
            Told,
            BackupError,
            CellError,
            ConfigError,
            DirectoryError,
            KeysError,
            LedgerBroken,
            PostgresError,
        )
        try:
            return action(options) or 0
        except ours as error:
            print(f"bailiwick: {error}", file=sys.stderr)
        except ObjectStoreError as error:
            print(f"bailiwick: {error}.", file=sys.stderr)
        except (psycopg.OperationalError, django.db.OperationalError) as error:
            print(f"bailiwick: A database does not answer: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        except OSError as error:
            print(f"bailiwick: {error.filename or 'A file'}: {error.strerror}.", file=sys.stderr)
        return 1

    return run
