"""``python -m bench NAME [--json] [--seconds N]``: one benchmark, side by side with its peers in one run.

A benchmark is a module of this package with a function ``run(options) -> Iterable[Measure]``. `all` runs every one.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench.report import NothingMeasured, Options, as_json, as_table


def names() -> list[str]:
    """The benchmarks there are: modules of this folder that define `run`, found without importing any."""
    found = []
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in ast.parse(path.read_text()).body):
            found.append(path.stem)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure one part side by side with its peers."
    )
    parser.add_argument("name", choices=[*names(), "all"], help="which benchmark")
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="length of one point (default 5)")
    given = parser.parse_args(arguments)
    options = Options(seconds=given.seconds, note=sys.stderr)
    missed = False
    for name in names() if given.name == "all" else [given.name]:
        try:
            measures = list(import_module(f"bench.{name}").run(options))
        except NothingMeasured as error:
            options.say(f"{name}: {error}")
            missed = True
            continue
        for line in as_json(measures) if given.json else as_table(measures):
            print(line, flush=True)
        missed |= any(measure.met is False for measure in measures)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
