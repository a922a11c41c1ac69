"""Bailiwick: run a cell on this machine, look after its models, and check its evidence."""

# Each command imports what it needs when it is called: `bailiwick verify` needs no Django, and --help no torch.

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bailiwick import backup_cli, keys_cli, models_cli, restore_cli, subprocessors_cli
from bailiwick.command import fail


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["verify"]:
        return _verify(arguments[1:])
    if arguments[:1] == ["witness"]:
        return _witness(arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bailiwick", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    home = argparse.ArgumentParser(add_help=False)
    home.add_argument(
        "--home", type=Path, default=Path(".bailiwick"), metavar="DIR", help="the cell's folder (.bailiwick)"
    )

    up = commands.add_parser("up", parents=[home], help="start the embedded cell and stay in the foreground")
    up.add_argument("--detach", action="store_true", help="come back once the cell is ready and leave it running")
    _add_cell_options(up)
    up.set_defaults(run=_up)

    demo = commands.add_parser("demo", parents=[home], help="start the embedded cell and take the tour through it")
    demo.add_argument("--exit", action="store_true", help="stop after the tour, with its status")
    _add_cell_options(demo)
    demo.set_defaults(run=_demo)

    for name, run, text in (
        ("down", _down, "stop the embedded cell"),
        ("status", _status, "say whether the embedded cell runs, and as which processes"),
        ("tour", _tour, "walk through a running cell by its public API"),
    ):
        commands.add_parser(name, parents=[home], help=text).set_defaults(run=run)

    commands.add_parser("migrate", help="bring the databases to this release, as their owner").set_defaults(
        run=_migrate
    )

    models_cli.add(commands.add_parser("models", help="bring models in, list, compare and change them"), home)

    keys_cli.add(commands.add_parser("keys", help="the keys that wrap others: make, look at and rotate them"), home)

    text = "whom the operator engages: publish a list and give notice, or print every version"
    subprocessors_cli.add(commands.add_parser("subprocessors", help=text), home)

    backup_cli.add(commands.add_parser("backup", help="make, list, try out and remove backups of the cell"))
    restore_cli.add(
        commands.add_parser(
            "restore", parents=[home], help="put a cell back from a backup, with every erasure replayed"
        )
    )

    # Listed for --help; `main` hands their arguments on as they are.
    commands.add_parser("verify", help="check an audit export, a certificate or a proof file, offline")
    commands.add_parser("witness", help="co-sign the checkpoints of a cell that you do not run")
    return parser


def _add_cell_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, metavar="N", help="port on 127.0.0.1; 0 takes a free one (8420)")
    parser.add_argument("--region", metavar="REGION", help="region of a new cell (eu-de-1)")
    parser.add_argument("--device", metavar="DEVICE", help="what models are computed on: cpu, cuda or cuda:N (cpu)")


def _up(options: argparse.Namespace) -> int:
    from bailiwick.embedded import cell, control
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home

    home = Home.at(options.home)
    choices = cell.Choices(port=options.port, region=options.region, device=options.device)
    try:
        if options.detach:
            control.up_detached(home, choices.arguments())
            print(f"ready: {home.cell()['console_url']}  ({home.cell_file})")
        else:
            cell.up(home, choices, say=lambda line: print(line, flush=True))
    except CellError as error:
        return fail(error)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from bailiwick import demo
    from bailiwick.embedded import cell
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home

    choices = cell.Choices(port=options.port, region=options.region, device=options.device)
    try:
        return demo.run(Home.at(options.home), choices, leave=options.exit)
    except CellError as error:
        return fail(error)


def _down(options: argparse.Namespace) -> int:
    from bailiwick.embedded import control
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home

    home = Home.at(options.home)
    try:
        print("stopped" if control.down(home) else f"no cell was running in {home.path}")
    except CellError as error:
        return fail(error)
    return 0


def _status(options: argparse.Namespace) -> int:
    """Exit status 0: ready, 3: not running (as for system services), 4: starting or stopping."""
    from bailiwick.embedded import control
    from bailiwick.embedded.home import Home

    home = Home.at(options.home)
    pid = control.supervisor_pid(home)
    if pid is None:
        print(f"no cell is running in {home.path}")
        return 3
    if not home.cell_file.exists():
        print(f"starting or stopping (supervisor {pid})")
        return 4
    cell = home.cell()
    print(f"ready in {cell['region']} at {cell['base_url']}")
    for name, number in cell["processes"].items():
        print(f"  {name:<10} {number}")
    return 0


def _tour(options: argparse.Namespace) -> int:
    from bailiwick import tour
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home

    try:
        return tour.run(Home.at(options.home))
    except CellError as error:
        return fail(error)


def _migrate(_: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command

    from cell.config import ConfigError, config
    from cell.keys.provider import KeysError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
    try:
        if config().owner_database is None:
            return fail("BAILIWICK_OWNER_DATABASE_URL is not set: only the owner migrates.")
        django.setup()
    except (ConfigError, KeysError) as error:
        return fail(error)

    from cell.guard import RegionMismatch, claim_region

    for alias in ("owner", "keystore"):
        call_command("migrate", database=alias, interactive=False, verbosity=0, skip_checks=True)
    try:
        claim_region(config())
    except RegionMismatch as error:
        return fail(error)
    return 0


def _verify(arguments: list[str]) -> int:
    from audit.verifier.__main__ import main as verify

    return verify(arguments)


def _witness(arguments: list[str]) -> int:
    from audit.witness.__main__ import main as witness

    return witness(arguments)


if __name__ == "__main__":
    sys.exit(main())
