"""`bailiwick models compile` and `prune`: the artifacts of a cell's models."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bailiwick.operator import Operator

    Add = Callable[[str, Callable[[Operator, argparse.Namespace], str], str], argparse.ArgumentParser]


def add_artifacts(command: Add) -> None:
    """Adds the commands by `command`, which takes a name, what is run, and a text."""
    compiling = command(
        "compile", _compile, "compile what serves for what the engine is on, prove it and keep the artifact"
    )
    compiling.add_argument("name", metavar="NAME")
    compiling.add_argument(
        "--weights",
        choices=("as-they-are", "int8", "int4", "float8"),
        default="as-they-are",
        help="int8 reads half of what bfloat16 does, int4 (on a processor) a third, float8 (on a GPU) half; they are other weights "
        "(default: as-they-are)",
    )
    compiling.add_argument(
        "--contract",
        choices=("bitwise", "near", "distributional"),
        help="what has to be shown beside the float32 truth (default: near; distributional for all but as-they-are)",
    )
    compiling.add_argument(
        "--tune",
        action="store_true",
        help="measure which settings of the kernels are best here, for minutes the first time",
    )

    text = "remove the artifacts that nothing serves, or would go back to, but the newest of each kind"
    command("prune", _prune, text).add_argument("--dry-run", action="store_true", help="only say which")


def _compile(operator: Operator, options: argparse.Namespace) -> str:
    from bailiwick.bar import Bar

    bar = Bar(sys.stderr)
    try:
        made = operator.compile(options.name, options.weights, options.contract, options.tune, bar)
    finally:
        bar.end()
    evidence = made.manifest.evidence
    lines = [
        f"{made.manifest.address[:12]} is an artifact of {options.name}, weights {options.weights}, for this machine's "
        f"{made.manifest.fingerprint.device}",
        "parity    " + ", ".join(f"{name} {_figure(each)}" for name, each in sorted(evidence.parity.items())),
    ]
    lines += [
        f"time      {each['step']} of {each['batch']} at {each['context']} tokens: {each['median_ns'] / 1e6:.3f} ms, "
        f"torch {each['reference_ns'] / 1e6:.3f} ms"
        for each in evidence.measurements
    ]
    return "\n".join([*lines, f"begin with: bailiwick models canary {options.name} --compiled {options.weights}"])


def _prune(operator: Operator, options: argparse.Namespace) -> str:
    gone = operator.prune(dry=options.dry_run)
    lines = [f"{each.artifact[:12]} of {each.checkpoint[:12]}, weights {each.weights}, {each.device}" for each in gone]
    count = f"{len(gone)} artifact{'' if len(gone) == 1 else 's'}"
    return "\n".join([*lines, f"{count} would go" if options.dry_run else f"{count} removed"])


def _figure(figure: object) -> str:
    return f"{figure:.3g}" if isinstance(figure, float) else str(figure)
