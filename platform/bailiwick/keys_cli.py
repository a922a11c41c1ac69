"""``bailiwick keys …``: the keys that wrap others, of the cell in `--home` or of the one that the environment configures."""

from __future__ import annotations

import argparse
from datetime import timedelta

from bailiwick.command import Told, become_a_process, told


def add(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    commands.add_parser("init", help="make the seed of a cell, sealed under its root").set_defaults(run=told(_init))
    status = commands.add_parser("status", parents=[home], help="say which root is of today, and which ones are in use")
    status.set_defaults(run=told(_status))
    root = commands.add_parser("rotate-root", parents=[home], help="bring every key under the root of today")
    root.add_argument("--all", action="store_true", help="also keys that it wraps already, under its newest version")
    root.set_defaults(run=told(_rotate_root))
    signer = commands.add_parser("rotate-signer", parents=[home], help="begin a new key that signs the audit log")
    signer.add_argument(
        "--overlap-days", type=int, default=30, metavar="N", help="how long the key of now signs as well, 1 to 366 (30)"
    )
    signer.set_defaults(run=told(_rotate_signer))
    signers = commands.add_parser(
        "signers", parents=[home], help="the verifier keys of those that sign the audit log now"
    )
    signers.set_defaults(run=told(_signers))
    one = commands.add_parser(
        "rotate", parents=[home], help="give a workspace a new key, without touching its payloads"
    )
    one.add_argument("workspace", help="its id, ws_…")
    under = one.add_mutually_exclusive_group(required=True)
    under.add_argument(
        "--own", metavar="KEY", help="under the customer's own key: aws-kms:ARN, vault:MOUNT/KEY, pkcs11:LABEL"
    )
    under.add_argument("--cell", action="store_true", help="under the cell's root")
    one.set_defaults(run=told(_rotate))
    rewrite = commands.add_parser(
        "rewrite", parents=[home], help="write the key store's tables anew, as a job does once a day: destroyed keys go"
    )
    rewrite.add_argument(
        "--longest-lock-s",
        type=float,
        default=10.0,
        metavar="N",
        help="how long no key may be made or opened meanwhile, at most (10)",
    )
    rewrite.set_defaults(run=told(_rewrite))


def _init(_: argparse.Namespace) -> None:
    from cell.config import config
    from cell.keys import cell_roots
    from cell.keys.seed import make_seed

    keys = config().keys
    if keys.seed_file is None:
        raise Told("BAILIWICK_SEED_FILE is not set: a root in a file needs no seed until it changes.")
    make_seed(keys.seed_file, cell_roots(keys))
    print(f"made {keys.seed_file}; every process of the cell needs it, and it is of no use without the root")


def _status(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    from cell.config import config
    from cell.keys import cell_keys
    from cell.keystore.rotation import roots_in_use

    found = roots_in_use()
    today = cell_keys().root.id.hex()
    print(f"root     {config().keys.root.provider} {today}: {found.pop(today, 0)} workspace keys")
    for name, count in sorted(found.items()):
        print(f"also     {name}: {count} workspace keys")
    print(f"horizon  {config().keys.horizon_days} days")


def _rotate_root(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    from cell.access import system_actor
    from retention.key_rotation import root_rotate

    done = root_rotate(actor=system_actor("command"), everything=options.all)
    print(f"root {done.root} wraps everything: {done.rewrapped} workspace keys were brought under it")


def _rotate_signer(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    from audit.entry import timestamp
    from audit.rotation import RotationError, signer_rotate
    from cell.access import system_actor

    try:
        done = signer_rotate(actor=system_actor("command"), overlap=timedelta(days=options.overlap_days))
    except RotationError as error:
        raise Told(str(error)) from None
    print(f"key {done.generation} signs the audit log from now on: {done.vkey}")
    print(f"the one before it signs as well until {timestamp(done.overlap_until)}: {done.previous_vkey}")
    print("tell everybody who keeps a verifier key; the rotation is an entry of the cell's log")


def _signers(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    from audit.entry import timestamp
    from audit.signing import generations

    for each in generations():
        until = "" if each.signs_until is None else f" until {timestamp(each.signs_until)}"
        print(f"key {each.number}{until}: {each.signer.vkey}")


def _rotate(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    from cell.config import config
    from cell.ids import ForeignId, MalformedId, Tag, untag
    from cell.key_config import RootRef
    from cell.keystore.custody import KeyDestroyed
    from cell.keystore.rotation import RotatedMeanwhile
    from retention.key_rotation import KeyAbroad, workspace_key_rotate

    try:
        workspace = untag(options.workspace, Tag.WORKSPACE, config().cell)
        own = None if options.own is None else RootRef.parse(options.own)
        done = workspace_key_rotate(workspace=workspace, own=own)
    except (MalformedId, ForeignId):
        raise Told(f"{options.workspace} is not a workspace of this cell.") from None
    except ValueError as error:
        raise Told(f"--own {error}") from None
    except KeyDestroyed:
        raise Told("The workspace has no key: it never stored a payload, or its key is destroyed.") from None
    except (KeyAbroad, RotatedMeanwhile) as error:
        raise Told(str(error)) from None
    print(f"version {done.version} of the workspace's key wraps its {done.epochs} epoch keys")


def _rewrite(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    from cell.config import config
    from cell.keystore.rewriting import TABLES, WITHIN_S, RewriteUnfinished, rewrite

    longest = options.longest_lock_s
    try:
        done = rewrite(
            config().keystore_database, longest_lock_s=longest, within_s=max(WITHIN_S, longest * (len(TABLES) + 1))
        )
    except RewriteUnfinished as error:
        raise Told(f"Destroyed keys may still be in the key store's files: {error}.") from None
    print(f"what was destroyed before {done.began_at:%Y-%m-%d %H:%M:%S} UTC is in no file of the key store's server")
    print(f"the table that took longest was locked for {done.longest_lock_s:.1f} s")
