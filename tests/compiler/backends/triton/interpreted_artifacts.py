"""What tests ask for of artifacts of a GPU; imported where Triton interprets, and nowhere else."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

import compiler
from compiler.artifact.fingerprint import Fingerprint
from compiler.backends.triton import sources
from compiler.backends.triton.capabilities import capabilities
from compiler.compiled import Artifact
from compiler.runtime.slow import Slow
from compiler.target import Gpu
from compiler.tune.key import Key
from compiler.tune.tunable import Tunable
from compiler.tune.tuner import Tuner
from tests.compiler.networks import DecodeStep, decoder_example

warnings.filterwarnings("ignore")


class Launched:
    """In the place of a recording: the launches themselves, once before, as a recording runs them."""

    def __init__(self, run: Callable[[], object], device: torch.device, pool: Any) -> None:
        self._run = run
        run()

    def __call__(self) -> None:
        self._run()

    def pool(self) -> None:
        return None


def gpu(**other: str) -> Gpu:
    """In the place of one; `other` is what is said of it that is not so of the rest."""
    said = {
        "kind": "cuda",
        "device": "Interpreted GPU",
        "driver": "1",
        "system": "Linux",
        "architecture": "x86_64",
        "torch": str(torch.__version__),
        "headers": "templates",
        "compiler": "triton 1",
    }
    fingerprint = Fingerprint(instructions=("sm_90",), **{**said, **other})
    return Gpu(torch.device("cpu"), capabilities("sm_90"), fingerprint, Launched)


@dataclass
class Seen:
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)
    """What an artifact gave, and what its module does."""
    report: str = ""
    fallbacks: list[str] = field(default_factory=list)
    slow: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[Any] = field(default_factory=list)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.LayerNorm(48), nn.Linear(48, 40), nn.GELU(), nn.Linear(40, 24)).requires_grad_(False)


def rows(folder: Path, quantize: str | None) -> Seen:
    """A network for one row and for four, called with 1, 3 and 6; saved, and loaded again where it belongs and where not."""
    module, seen = network(), Seen()
    axis = {"rows": compiler.Axis({"input": 0}, sizes=(1, 4))}
    made = compiler.compile(
        module, (torch.randn(2, 48),), target=gpu(), buckets=axis, quantize=quantize, folder=folder / "code"
    )
    seen.report = str(made.report)
    path = made.save(folder / "saved")
    seen.files = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
    loaded = Artifact.load(path, gpu=gpu(), folder=folder / "other", missing=seen.missing.append)
    for artifact in (made, loaded):
        for count in (1, 3, 6):
            inputs = torch.randn(count, 48)
            seen.pairs.append((artifact(inputs), module(inputs)))
    seen.slow = {reason.value: count for reason, count in loaded.drift.slow_path_total.items()}
    assert compiler.extend(loaded, {"rows": 6}, (torch.randn(2, 48),))
    inputs = torch.randn(6, 48)
    seen.pairs.append((loaded(inputs), module(inputs)))
    assert loaded.drift.slow_path_total[Slow.NO_BUCKET] == seen.slow["no_bucket"]
    for what, value in (("device", "Another GPU"), ("driver", "2"), ("compiler", "triton 2"), ("headers", "others")):
        seen.refused[what] = _refusal(path, gpu(**{what: value}))
    seen.refused["plan"] = _refusal(path, replace(gpu(), upcast=True))
    seen.refused["none"] = _refusal(path, None)
    return seen


def steps(folder: Path, family: str, dtype: torch.dtype) -> Seen:
    """A decoder that goes on from its own caches, for three tokens."""
    example = decoder_example(2, 1)
    module, seen = DecodeStep(family, layers=1, dtype=dtype), Seen()
    target = replace(gpu(), upcast=dtype == torch.bfloat16)
    made = compiler.compile(module, example, target=target, folder=folder / "code")
    seen.report, seen.fallbacks = str(made.report), [str(each["reason"]) for each in made.report.fallbacks]
    loaded = Artifact.load(made.save(folder / "saved"), gpu=target)
    for number in range(3):
        inputs = (example[0] + number) % 96, example[1] + number
        seen.pairs.append((loaded(*inputs), module(*inputs)))
    return seen


@contextmanager
def wrong_template(of: str, meant: str, wrong: str) -> Iterator[None]:
    """Within it the template of that function says something else."""
    functions = sources._functions()
    assert meant in functions[of]
    with mock.patch.object(sources, "_functions", lambda: {**functions, of: functions[of].replace(meant, wrong)}):
        yield


def planted(folder: Path) -> Seen:
    """A network whose kernels add what they should not."""
    module, seen = network(), Seen()
    with wrong_template("finished", "(out + at, found.", "(out + at, (1 + found)."):
        made = compiler.compile(module, (torch.randn(2, 48),), target=gpu(), folder=folder / "code")
    seen.fallbacks = [str(each["reason"]) for each in made.report.fallbacks]
    inputs = torch.randn(2, 48)
    seen.pairs.append((made(inputs), module(inputs)))
    seen.slow = {reason.value: count for reason, count in made.drift.slow_path_total.items()}
    return seen


class Split(Tuner):
    """Has measured that every sum is best cut in two."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def tune(self, tunable: Tunable, key: Key) -> Any:
        self.asked.append(str(key))
        self.winner = {**tunable.space.default, "split": 2}
        return self


def tuned(folder: Path) -> Seen:
    """A network of which the tuner knows better how to cut it, saved and loaded."""
    module, seen, tuner = network(), Seen(), Split()
    made = compiler.compile(module, (torch.randn(2, 48),), target=gpu(), tuner=tuner, folder=folder / "code")
    seen.missing = tuner.asked
    seen.fallbacks = [str(each["reason"]) for each in made.report.fallbacks]
    path = made.save(folder / "saved")
    [plan] = [json.loads(file.read_bytes()) for file in path.glob("plan-*.json")]
    seen.slow = {name: cut["split"] for name, cut in plan["cuts"].items()}
    seen.files = [step["kernel"] for step in plan["plan"]["steps"]]
    for artifact in (made, Artifact.load(path, gpu=gpu())):
        inputs = torch.randn(2, 48)
        seen.pairs.append((artifact(inputs), module(inputs)))
    return seen


def nowhere(folder: Path) -> Seen:
    """A network whose kernels cannot be kept: a file is where their folder should be."""
    module, seen = network(), Seen()
    (folder / "code").write_text("")
    made = compiler.compile(module, (torch.randn(2, 48),), target=gpu(), folder=folder / "code")
    seen.fallbacks = [str(each["reason"]) for each in made.report.fallbacks]
    inputs = torch.randn(2, 48)
    seen.pairs.append((made(inputs), module(inputs)))
    return seen


def _refusal(path: Path, at: Gpu | None) -> str:
    try:
        Artifact.load(path, gpu=at)
    except compiler.Refused as error:
        return f"{error.reason}: {error}"
    return ""
