"""`bailiwick models bench`: how well a model serves, as a table, as JSON and as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bailiwick.command import fail

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_bench(actions: _SubParsersAction[argparse.ArgumentParser], home: argparse.ArgumentParser) -> None:
    """Adds the command, with the options of `home`."""
    bench = actions.add_parser("bench", parents=[home], help="measure a model, or its canary beside what serves")
    bench.set_defaults(run=_bench)
    bench.add_argument("name", metavar="NAME", help="a model, or one of its versions by its pinned name")
    bench.add_argument(
        "--against", metavar="NAME", help="what it is compared with (what serves, where NAME has a canary)"
    )
    bench.add_argument("--requests", type=_count, default=32, metavar="N", help="of each profile (32)")
    bench.add_argument("--rounds", type=_count, default=5, metavar="N", help="of each profile, by turns (5)")
    bench.add_argument("--prompt", type=_lengths, default=(16, 128), metavar="A,B", help="tokens, from A to B (16,128)")
    bench.add_argument("--answer", type=_lengths, default=(16, 64), metavar="A,B", help="tokens, from A to B (16,64)")
    bench.add_argument(
        "--seed", type=int, default=0, metavar="N", help="what is drawn from it is the same each time (0)"
    )
    bench.add_argument(
        "--price-per-hour", type=_positive, metavar="P", help="of the device: tells what a million tokens cost"
    )
    bench.add_argument("--currency", default="EUR", metavar="C", help="of the price (EUR)")
    bench.add_argument("--json", action="store_true", help="print everything, each latency included, as JSON")
    bench.add_argument("--picture", type=Path, metavar="FILE", help="write a picture of the latencies (SVG)")


def _bench(options: argparse.Namespace) -> int:
    from bailiwick.bar import Bar
    from bailiwick.benching import bench
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home
    from bailiwick.models import ModelError
    from compiler.bench.picture import as_svg
    from compiler.bench.report import Price, as_json, as_table

    bar = Bar(sys.stderr)
    try:
        found = bench(
            Home.at(options.home),
            options.name,
            options.against,
            requests=options.requests,
            rounds=options.rounds,
            prompt=options.prompt,
            answer=options.answer,
            seed=options.seed,
            progress=bar,
        )
    except (CellError, ModelError) as error:
        return fail(error)
    finally:
        bar.end()
    price = None if options.price_per_hour is None else Price(options.price_per_hour, options.currency)
    if options.json:
        profiles = as_json(found.comparisons, price=price)
        print(
            json.dumps({"ours": found.ours, "theirs": found.theirs or None, "seed": options.seed, "profiles": profiles})
        )
    else:
        print("\n".join(as_table(found.comparisons, price=price, ours=found.ours, theirs=found.theirs)))
    if options.picture is not None:
        try:
            options.picture.write_text(as_svg(found.comparisons, ours=found.ours, theirs=found.theirs))
        except OSError as error:
            return fail(f"{options.picture} cannot be written: {error.strerror}")
    return 0


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return count


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("give more than 0")
    return number


def _lengths(text: str) -> tuple[int, int]:
    least, _, most = text.partition(",")
    found = int(least), int(most or least)
    if not 1 <= found[0] <= found[1]:
        raise argparse.ArgumentTypeError("give two numbers from 1 on that do not fall, such as 16,128")
    return found
