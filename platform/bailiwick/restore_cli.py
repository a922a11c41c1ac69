"""``bailiwick restore``: into a new `--home`, or into the empty databases that the environment configures."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bailiwick.backup_cli import programs, told
from bailiwick.command import Told, setup

if TYPE_CHECKING:
    from retention.backups.restoring import Restored


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", metavar="PLACE", required=True, help="where the backups lie")
    parser.add_argument("--point", type=_point, metavar="ID", help="which one; the newest")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="a ledger of erasures that survived")
    parser.add_argument(
        "--accept-older-ledger", action="store_true", help="although a newer one is known; it goes on the record"
    )
    parser.add_argument(
        "--root-key", type=Path, metavar="FILE", help="the root key out of its escrow, for a new --home"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=told(_restore))


def _restore(options: argparse.Namespace) -> None:
    if "BAILIWICK_HOME" in os.environ:
        setup()
        done = _put_back(options, _no_home_files)
    else:
        from bailiwick.backup_home import new_home

        with new_home(options.home, options.source, options.root_key) as write_home:
            done = _put_back(options, write_home)
    if options.json:
        print(json.dumps(_told_of(done)))
        return
    print(f"restored {done.manifest.point.hex}: {done.replayed.mark.lines} erasures replayed and verified")
    if done.keys_from is None:
        print("no copy of the key store was left: stored payloads stay sealed for ever")
    if done.ledger_older:
        print("with an older ledger than is known: erasures since may have come back")


def _put_back(options: argparse.Namespace, home: Callable[[Mapping[str, bytes]], None]) -> Restored:
    """Restores this process's cell, whose configuration is set."""
    from django.core.management import call_command

    from cell.config import config
    from cell.guard import RegionMismatch, claim_region
    from retention.backups.places import open_place
    from retention.backups.restoring import Steps, Wish, restore

    def migrate() -> None:
        for alias in ("owner", "keystore"):
            call_command("migrate", database=alias, interactive=False, verbosity=0, skip_checks=True)
        try:
            claim_region(config())
        except RegionMismatch as error:
            raise Told(str(error)) from None

    ledger = None if options.ledger is None else options.ledger.absolute()
    wish = Wish(options.point, ledger, options.accept_older_ledger)
    place = open_place(options.source, region=None, config=config())
    return restore(place, programs(), wish, Steps(migrate, home, _quiet if options.json else _say))


def _told_of(done: Restored) -> dict[str, Any]:
    return {
        "point": done.manifest.point.hex,
        "keys_from": None if done.keys_from is None else done.keys_from.hex,
        "ledger_older": done.ledger_older,
        "tombstones": done.replayed.mark.lines,
        "verified": done.replayed.verified,
        "entries": done.sound.entries,
        "payloads_opened": done.sound.payloads,
    }


def _no_home_files(_: object) -> None:
    """A cell that the environment configures has its folder from elsewhere."""


def _say(line: str) -> None:
    print(line, flush=True)


def _quiet(_: str) -> None:
    """For programs, which read one object."""


def _point(text: str) -> UUID:
    return UUID(hex=text)
