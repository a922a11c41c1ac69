"""`bailiwick models`: brings models in, lists them, and changes what is served."""

# Each command imports what it needs when it is called: --help needs neither Django nor the engine.

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bailiwick.operator import Operator

Command = Callable[["Operator", argparse.Namespace], str]
"""Changes something of a running cell; returns what to tell the person. Raises ModelError."""


def add(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    """Adds the commands to `parser`, each with the options of `home`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def command(action: str, run: Command, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(action, parents=[home], help=text)
        made.set_defaults(run=lambda options: _run(run, options))
        return made

    importing = command("import", _import, "keep a Hugging Face checkpoint in the cell and serve it")
    importing.add_argument(
        "path", type=Path, metavar="PATH", help="folder with config.json, tokenizer.json, *.safetensors"
    )
    importing.add_argument("--name", required=True, help="what callers name as their model")

    actions.add_parser("list", parents=[home], help="what the engine serves").set_defaults(run=_list)

    canary = command("canary", _canary, "have another checkpoint answer some of a model's requests")
    canary.add_argument("name", metavar="NAME")
    canary.add_argument(
        "--from", type=Path, dest="source", metavar="PATH", help="the checkpoint; left out, the canary there is"
    )
    canary.add_argument(
        "--percent",
        type=_percent,
        required=True,
        metavar="P",
        help="of the requests, 0 to below 100; 0 answers only by name",
    )

    for action, run, text in (
        ("promote", _promote, "have the canary answer everything"),
        ("rollback", _roll_back, "end the canary; without one, go back to what served before"),
    ):
        command(action, run, text).add_argument("name", metavar="NAME")

    cascade = command("cascade", _cascade, "serve two models as one: the small one answers where it is sure")
    cascade.add_argument("name", metavar="NAME")
    cascade.add_argument("--small", required=True, metavar="MODEL")
    cascade.add_argument("--large", required=True, metavar="MODEL")
    cascade.add_argument(
        "--threshold", type=float, default=0.9, metavar="T", help="mean probability of its tokens, 0 to 1 (0.9)"
    )

    adapt = command("adapt", _adapt, "set a cascade's threshold by examples and a target")
    adapt.add_argument("name", metavar="NAME")
    adapt.add_argument(
        "--examples", type=Path, required=True, metavar="FILE", help='lines of {"prompt": ..., "expected": ...}'
    )
    adapt.add_argument(
        "--target",
        type=float,
        default=0.95,
        metavar="A",
        help="share of the small model's answers that must agree (0.95)",
    )

    window = command("window", _window, "change how a model's embeddings are batched")
    window.add_argument("name", metavar="NAME")
    window.add_argument(
        "window",
        metavar="PRESET|FILE",
        help="low-latency, balanced, high-throughput, or a JSON file with the five knobs",
    )


def _run(command: Command, options: argparse.Namespace) -> int:
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home
    from bailiwick.models import ModelError
    from bailiwick.operator import Operator, check_name

    try:
        check_name(options.name)
        print(command(Operator(Home.at(options.home)), options))
    except (CellError, ModelError) as error:
        return _fail(error)
    return 0


def _import(operator: Operator, options: argparse.Namespace) -> str:
    operator.import_model(options.path, options.name)
    return f"{options.name} is served"


def _canary(operator: Operator, options: argparse.Namespace) -> str:
    changed = operator.canary(options.name, options.percent / 100, options.source)
    pinned = f"{options.name}.{changed.versions[1].digest[:12]}"
    return f"{options.percent:g} % of the requests to {options.name} go to its canary, and all that ask for {pinned}"


def _promote(operator: Operator, options: argparse.Namespace) -> str:
    changed = operator.promote(options.name)
    return f"{options.name} is {changed.versions[0].digest[:12]} now; `bailiwick models rollback {options.name}` takes it back"


def _roll_back(operator: Operator, options: argparse.Namespace) -> str:
    return f"{options.name} is {operator.roll_back(options.name).versions[0].digest[:12]} again"


def _cascade(operator: Operator, options: argparse.Namespace) -> str:
    operator.cascade(options.name, options.small, options.large, options.threshold)
    return f"{options.name} asks {options.small} first, and {options.large} where it is less sure than {options.threshold:g}"


def _adapt(operator: Operator, options: argparse.Namespace) -> str:
    from bailiwick.adaptation import adapt

    found = adapt(operator, options.name, options.examples, options.target, bar=sys.stderr)
    return (
        f"{options.name} answers with its small model above {found.threshold:.6f}: {found.exits} of {found.examples} examples, "
        f"of which {found.agreement:.1%} agree (at least {found.agreement_low:.1%} at 95 %)"
    )


def _window(operator: Operator, options: argparse.Namespace) -> str:
    operator.batch(options.name, _knobs(options.window))
    return f"{options.name} batches under {options.window} from now on, where a workspace asks for nothing else"


def _knobs(given: str) -> str | dict[str, Any]:
    """A preset's name as it is, or what the file of that name holds. Raises ModelError."""
    from bailiwick.models import ModelError

    file = Path(given)
    if not file.is_file():
        return given
    try:
        knobs = json.loads(file.read_bytes())
    except ValueError:
        knobs = None
    if not isinstance(knobs, dict):
        raise ModelError(f"{file} is not a JSON object with the knobs of a window; docs/operate.md has one.")
    return knobs


def _list(options: argparse.Namespace) -> int:
    from bailiwick import models
    from bailiwick.embedded.errors import CellError
    from bailiwick.embedded.home import Home

    home = Home.at(options.home)
    try:
        home.cell()
        served = models.served(home.engine_socket)
    except (CellError, models.ModelError) as error:
        return _fail(error)
    for model in sorted(served, key=lambda model: model.name):
        print(f"{model.name:<24} {model.kind:<10} {model.architecture:<28} {model.parameters / 1e6:8.1f} M parameters")
        if len(model.versions) > 1:
            for version in model.versions:
                print(f"  {version.digest[:12]:<22} {version.share:6.1%} of its requests")
    return 0


def _percent(text: str) -> float:
    percent = float(text)
    if not 0.0 <= percent < 100.0:
        raise argparse.ArgumentTypeError("give 0 to below 100")
    return percent


def _fail(error: object) -> int:
    print(f"bailiwick: {error}", file=sys.stderr)
    return 1
