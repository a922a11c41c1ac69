"""What a tuner may turn in a launch: see `compiler.tune`. Nothing is measured that compiling alone rules out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from compiler.backends.triton.alone import Alone
from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.codegen import launch_of
from compiler.backends.triton.given import Given
from compiler.backends.triton.launch import NotCompiled, NoTriton
from compiler.backends.triton.linears import product_of
from compiler.backends.triton.plans import Launch, NotPlanned, Plan
from compiler.backends.triton.resources import resources
from compiler.backends.triton.tiles import FEW_ROWS, LEAST, MOST_SPLITS, NARROWEST, Reach, Tiles
from compiler.ir.value import Value
from compiler.schedule.group import Group, Kind
from compiler.tune.device import Device
from compiler.tune.finals import NothingFits
from compiler.tune.key import Key, key_of, source_hash
from compiler.tune.knobs import Candidate, Choice, Knob, PowerOfTwo, Range
from compiler.tune.space import Space
from compiler.tune.tunable import Infeasible, Parity, Runner
from compiler.tune.tuner import Tuner

TOLERANCES = {4: 1e-5, 2: 2e-2, 1: 2e-2}
"""Largest error of a result over its largest number, by the bytes of an element."""
COPIES = 8
"""Of each weight, taken by turns, so that no cache has any."""


class Tunable:
    """A group of a graph on a device: a matrix product or attention."""

    def __init__(
        self, group: Group, device: Capabilities, folder: Path, *, on: str = "cuda", upcast: bool = False
    ) -> None:
        """Compiles in `folder`, runs on torch's device `on`. Raises NotPlanned."""
        self._group, self._device, self._folder, self._on, self._upcast = group, device, folder, on, upcast
        self._first = launch_of(group, device, upcast=upcast)
        if self._first.cut is None:
            raise NotPlanned(f"a {group.kind} has nothing to turn")
        self.space = (
            _linear_space(group, self._first.cut)
            if isinstance(self._first.cut, Tiles)
            else _reach_space(self._first.cut)
        )

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        """Around what the rules say: wider and narrower, deeper and flatter, more and fewer splits, warps and stages."""
        return self.space.neighbours(self.space.default)[:12]

    def key(self, device: Device) -> Key:
        """Under what a winner is kept. Layers that are alike have one, and what is around them in a graph has no part in it."""
        first = self._first
        turned = {*Tiles(1, 1, 1, 1, 1, 1).names(), "BLOCK_P", "BLOCK_R", "BLOCK_D"}
        sizes = {
            name.lower(): number
            for name, number in first.constants.items()
            if name not in turned and type(number) is int and number > 0
        }
        kinds = [value for value in first.constants.values() if isinstance(value, str)]
        weight = next((each.dtype for each in first.arguments if isinstance(each, Value) and each.op == "weight"), None)
        return key_of(
            first.source.entry,
            sizes,
            dtype="x".join(str(each).removeprefix("torch.") for each in (self._group.anchor.dtype, weight) if each),
            layout="/".join(["contiguous", *kinds]),
            device=device,
            space=self.space,
            # All but the constants, of which some are the rules'.
            source=source_hash(first.source.text.partition("CONSTANTS = {")[0]),
            libraries=("triton", "torch"),
        )

    def cut(self, candidate: Candidate) -> Tiles | Reach:
        """What a plan takes of it."""
        numbers = {name: int(value) for name, value in candidate.items()}
        return Tiles(**numbers) if self._group.kind is Kind.LINEAR else Reach(**numbers)

    def launch(self, candidate: Candidate) -> Launch:
        """Raises NotPlanned."""
        return launch_of(self._group, self._device, cut=self.cut(candidate), upcast=self._upcast)

    def prune(self, candidate: Candidate) -> str | None:
        """Registers, spills and shared memory, known by compiling."""
        try:
            return resources(self.launch(candidate), self._device, self._folder).problem(self._device)
        except NotPlanned as error:
            return str(error)

    def build(self, candidate: Candidate) -> Runner:
        return self._alone(candidate).run

    def parity(self, candidate: Candidate) -> Parity:
        error = self._alone(candidate).error()
        return Parity(error <= TOLERANCES[self._group.anchor.dtype.itemsize], {"error": error})

    def _alone(self, candidate: Candidate) -> Alone:
        try:
            return Alone(self.launch(candidate), self._given, self._folder)
        except (NotPlanned, NoTriton, NotCompiled) as error:
            raise Infeasible(str(error)) from error

    @cached_property
    def _given(self) -> Given:
        """Made when the first candidate runs: who only looks up a winner has no device."""
        return Given(self._group, self._on, copies=COPIES)


def cuts_of(
    plan: Plan, tuner: Tuner, folder: Path, device: Device, *, on: str = "cuda", upcast: bool = False
) -> dict[str, Tiles | Reach]:
    """How the launches of a plan by rules are cut best, by the names of their files: what `tuner` knows, or finds now, which takes
    minutes for each. One of which no candidate can be used stays as it is."""
    found: dict[str, Tiles | Reach] = {}
    for launch in plan.launches:
        if launch.cut is None or launch.group is None or launch.source.name in found:
            continue
        tunable = Tunable(launch.group, plan.device, folder, on=on, upcast=upcast)
        with suppress(NothingFits):
            found[launch.source.name] = tunable.cut(tuner.tune(tunable, tunable.key(device)).winner)
    return found


def _linear_space(group: Group, default: Tiles) -> Space:
    product = product_of(group)
    tensor_cores = product.rows > FEW_ROWS
    knobs: dict[str, Knob] = {
        "block_m": Choice(default.block_m),
        "block_n": PowerOfTwo(NARROWEST if tensor_cores else 1, 128 if tensor_cores else 32, default=default.block_n),
        "block_k": PowerOfTwo(LEAST, 1024, default=default.block_k),
        "split": Range(1, MOST_SPLITS, default=default.split),
        "warps": PowerOfTwo(1, 8, default=default.warps),
        "stages": Range(1, 6, default=default.stages),
    }
    return Space(
        knobs,
        {
            # Where it is larger than asked, a program's last step is mostly of zeros.
            "a step is not deeper than the sum": lambda each: int(each["block_k"]) < 2 * max(product.depth, LEAST),
            "a split has a step": lambda each: (int(each["split"]) - 1) * int(each["block_k"]) < product.depth,
        },
    )


def _reach_space(default: Reach) -> Space:
    return Space(
        {
            "block_p": PowerOfTwo(LEAST, 128, default=default.block_p),
            "split": Range(1, 32, default=default.split),
            "warps": PowerOfTwo(1, 8, default=default.warps),
            "stages": Range(1, 5, default=default.stages),
        }
    )
