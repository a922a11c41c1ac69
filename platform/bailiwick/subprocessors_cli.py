"""``bailiwick subprocessors …``: the list of whom the operator engages, of the cell in `--home` or of the environment's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bailiwick.command import Told, become_a_process, told


def add(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    publish = commands.add_parser(
        "set", parents=[home], help="publish a new version, and give notice to every workspace in its log"
    )
    publish.add_argument("file", type=Path, metavar="FILE", help="JSON, as docs/formats/subprocessors.md describes it")
    publish.set_defaults(run=told(_set))
    show = commands.add_parser("show", parents=[home], help="print every version, newest first, as JSON")
    show.set_defaults(run=told(_show))


def _set(options: argparse.Namespace) -> None:
    try:
        content = options.file.read_bytes()
    except OSError as error:
        raise Told(f"{options.file} cannot be read: {error.strerror}.") from None
    become_a_process(options.home)
    from cell.access import system_actor
    from cell.problems import Problem
    from workspaces.regions import own_region
    from workspaces.services import subprocessors_announce, subprocessors_publish
    from workspaces.subprocessor_list import ListError, read_list

    try:
        document = read_list(content, own_region().legal_area)
        published = subprocessors_publish(actor=system_actor("command"), document=document)
    except ListError as error:
        raise Told(f"{options.file}: {error}.") from None
    except Problem as problem:
        raise Told(str(problem.detail)) from None
    announced = subprocessors_announce()
    print(
        f"version {published.version} is {published.state}, with {len(document.subprocessors)} sub-processors; "
        f"objections until {published.objections_until:%Y-%m-%d}; noticed in the logs of {announced} workspaces"
    )


def _show(options: argparse.Namespace) -> None:
    become_a_process(options.home)
    import msgspec

    from workspaces.subprocessors import subprocessor_versions

    versions = [
        {
            "version": info.version,
            "state": info.state,
            "published_at": info.published_at.isoformat(),
            "objections_until": info.objections_until.isoformat(),
        }
        | msgspec.to_builtins(info.list)
        for info in subprocessor_versions(list)
    ]
    print(json.dumps(versions, indent=2, ensure_ascii=False))
