"""What the operator's commands have in common: becoming a process of a cell, and telling a person what is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path


class Told(Exception):
    """What a person is told in the place of a traceback."""


def setup() -> None:
    """Makes this process one of the cell that the environment configures."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
    django.setup()


def become_a_process(home: Path) -> None:
    """Of the cell that the environment configures, as production does, or of the embedded one in `home`."""
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home
    from bailiwick.operator import configure

    if "BAILIWICK_HOME" not in os.environ:
        try:
            chosen = Home.at(home)
            chosen.cell()  # says what to do where no cell runs
            configure(chosen)
        except CellError as error:
            raise Told(str(error)) from None
    setup()


def told(action: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        from cell.config import ConfigError
        from cell.keys.provider import KeysError

        try:
            action(options)
        except (Told, ConfigError, KeysError) as error:
            return fail(error)
        return 0

    return run


def fail(error: object) -> int:
    """Says what is wrong; a command's exit status."""
    print(f"bailiwick: {error}", file=sys.stderr)
    return 1
