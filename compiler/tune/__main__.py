"""``python -m compiler.tune FOLDER``: what a store knows, a line a winner; what is damaged or unfinished is said, too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from compiler.tune.row import FORMAT, CorruptRow, Row, row_from


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 where every row is whole, 1 where one is damaged, 2 where there is no store."""
    parser = argparse.ArgumentParser(prog="python -m compiler.tune", description="List the winners that a store knows.")
    parser.add_argument("folder", type=Path, help="the store's folder")
    folder = parser.parse_args(arguments).folder / f"v{FORMAT}"
    if not folder.is_dir():
        sys.stderr.write(f"{folder} is no folder: nothing was tuned here, or by another release\n")
        return 2
    damaged = 0
    for path in sorted(folder.glob("*/*.json")):
        try:
            sys.stdout.write(f"{_line(row_from(path.read_text(encoding='ascii')))}  {path.stem[:12]}\n")
        except (CorruptRow, UnicodeDecodeError) as error:
            sys.stdout.write(f"{path}: damaged, {error}; delete it, and the operator is tuned again\n")
            damaged += 1
    for path in sorted(folder.glob("*/*.journal")):
        sys.stdout.write(f"{path}: a run that has not ended; the next one goes on from it\n")
    return 1 if damaged else 0


def _line(row: Row) -> str:
    key = row.key
    sizes = " ".join(f"{name}={size}" for name, size in key["shape"].items())
    winner = " ".join(f"{name}={value}" for name, value in row.winner.items())
    gain = "default"
    if row.comparison is not None:
        faster = (1 / row.comparison.ratio, 1 / row.comparison.high, 1 / row.comparison.low)
        gain = "{:.2f}× [{:.2f}, {:.2f}]".format(*faster)
    device = f"{key['device']['name']} {key['driver']}".strip()
    return f"{key['operator']} {sizes} {key['dtype']}  {winner}  {gain}  {device}  {row.provenance['ended']}"


if __name__ == "__main__":
    sys.exit(main())
