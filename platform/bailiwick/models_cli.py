"""`bailiwick models`: brings models in, lists them, and changes what is served."""

# Each command imports what it needs when it is called: --help needs neither Django nor the engine.

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bailiwick.command import fail
from bailiwick.models_artifacts_cli import add_artifacts
from bailiwick.models_bench_cli import add_bench

if TYPE_CHECKING:
    from bailiwick.operator import Operator
    from inference.engine.protocol import ServedVersion
    from inference.engine.stats import TrialStats

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

    add_artifacts(command)
    add_bench(actions, home)

    canary = command("canary", _canary, "have another version answer some of a model's requests")
    canary.add_argument("name", metavar="NAME")
    chosen = canary.add_mutually_exclusive_group()
    chosen.add_argument("--from", type=Path, dest="source", metavar="PATH", help="another checkpoint")
    chosen.add_argument(
        "--compiled",
        metavar="WEIGHTS|ARTIFACT",
        help="an artifact of the checkpoint that serves: by its weights, or by the beginning of its address; left out "
        "like --from, the canary there is",
    )
    canary.add_argument(
        "--percent",
        type=_percent,
        metavar="P",
        help="of the requests, 0 to below 100; 0 answers only by name. Left out with --compiled, it goes on by itself",
    )
    canary.add_argument(
        "--stages",
        type=_stages,
        default=(0.01, 0.1, 0.5, 1.0),
        metavar="P,P,…",
        help="percent of the requests in each stage after the first, in which it is only compared (1,10,50,100)",
    )
    canary.add_argument("--hold", type=float, default=600.0, metavar="S", help="least seconds of each stage (600)")
    canary.add_argument(
        "--least", type=int, default=100, metavar="N", help="least comparisons, and answers, of each stage (100)"
    )
    canary.add_argument(
        "--slower", type=float, default=1.25, metavar="X", help="times what serves, at the 95th percentile (1.25)"
    )
    canary.add_argument(
        "--divergence", type=float, default=0.0, metavar="NATS", help="at a place (4 times the contract's mean)"
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
        if "name" in options:
            check_name(options.name)
        print(command(Operator(Home.at(options.home)), options))
    except (CellError, ModelError) as error:
        return fail(error)
    return 0


def _import(operator: Operator, options: argparse.Namespace) -> str:
    operator.import_model(options.path, options.name)
    return f"{options.name} is served"


def _canary(operator: Operator, options: argparse.Namespace) -> str:
    from bailiwick.models import ModelError
    from inference.engine.deployment import Guards, Stages

    share = None if options.percent is None else options.percent / 100
    if options.compiled is not None:
        stages = Stages(
            shares=(0.0, *options.stages),
            since=time.time(),
            hold_s=options.hold,
            least=options.least,
            guards=Guards(kl=options.divergence, slower=options.slower),
        )
        changed = operator.compiled_canary(options.name, options.compiled, share, stages)
    elif share is None:
        raise ModelError(
            "Say which part of the requests it answers, with --percent; only --compiled goes on by itself."
        )
    else:
        changed = operator.canary(options.name, share, options.source)
    pinned = f"{options.name}.{changed.versions[1].identity[:12]}"
    if changed.stages is not None:
        shares = ", ".join(f"{part:.0%}" for part in changed.stages.shares[1:])
        return (
            f"{options.name} is compared with its canary, which then gets {shares} of the requests and is promoted, or taken "
            f"back by a guard; `bailiwick models list` shows how far it is. It answers now if it is asked for as {pinned}"
        )
    return f"{options.percent:g} % of the requests to {options.name} go to its canary, and all that ask for {pinned}"


def _promote(operator: Operator, options: argparse.Namespace) -> str:
    changed = operator.promote(options.name)
    return f"{options.name} is {changed.versions[0].identity[:12]} now; `bailiwick models rollback {options.name}` takes it back"


def _roll_back(operator: Operator, options: argparse.Namespace) -> str:
    return f"{options.name} is {operator.roll_back(options.name).versions[0].identity[:12]} again"


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
        trials = {trial.model: trial for trial in models.trials(home.engine_socket)}
    except (CellError, models.ModelError) as error:
        return fail(error)
    for model in sorted(served, key=lambda model: model.name):
        print(f"{model.name:<24} {model.kind:<10} {model.architecture:<28} {model.parameters / 1e6:8.1f} M parameters")
        if len(model.versions) > 1 or any(version.compiled for version in model.versions):
            for version in model.versions:
                print(f"  {version.identity[:12]:<22} {version.share:6.1%} of its requests, {_served_by(version)}")
        if model.name in trials:
            print(f"  {_so_far(trials[model.name])}")
    return 0


def _served_by(version: ServedVersion) -> str:
    if version.compiled is None:
        return "by torch"
    if version.refused:
        return f"by torch, for its artifact is refused: {version.refused}"
    return f"compiled, weights {version.compiled.weights}"


def _so_far(trial: TrialStats) -> str:
    guards = ", ".join(
        f"{guard} {found.bad} of {found.seen}{' (tripped)' if found.tripped else ''}"
        for guard, found in sorted(trial.guards.items())
    )
    return f"stage {trial.stage + 1} of {trial.stages}: {trial.compared} compared, {trial.answered} answered; bad: {guards}"


def _percent(text: str) -> float:
    percent = float(text)
    if not 0.0 <= percent < 100.0:
        raise argparse.ArgumentTypeError("give 0 to below 100")
    return percent


def _stages(text: str) -> tuple[float, ...]:
    percents = [float(each) for each in text.split(",")]
    if percents != sorted(set(percents)) or not (percents[0] > 0.0 and percents[-1] <= 100.0):
        raise argparse.ArgumentTypeError("give percents that rise, above 0 to at most 100, such as 1,10,50,100")
    return tuple(percent / 100 for percent in percents)
