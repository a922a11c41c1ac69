from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import NoReturn

import pytest
import torch
from torch import nn

import compiler
from compiler.backends.cpu import isa
from compiler.frontend.exported import capture
from compiler.native.source import source_of
from compiler.passes.manager import for_processor, optimized
from compiler.tune.budget import Budget
from compiler.tune.key import Key
from compiler.tune.store import Store
from compiler.tune.tunable import Tunable
from compiler.tune.tuner import Tuned, Tuner
from compiler.tuned_step import TunedStep

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
SEEDS = Budget(trials=0, rungs=(3, 6), kill=(3.0, 2.0), pairs=11)
"""What the rules name, and no search."""


def network(width: int = 512) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, 256)).requires_grad_(False)


def test_settings_are_chosen_by_measuring_once_and_known_from_then_on(tmp_path: Path) -> None:
    """Cold, it compiles and measures several; warm, nothing but what is used, in a tenth of the time."""
    example = (torch.randn(4, 256),)
    store = Store(tmp_path / "store")
    began = perf_counter()
    first = compiler.compile(network(), example, folder=tmp_path / "first", tuner=Tuner(store, budget=SEEDS))
    cold = perf_counter() - began
    [row] = store.rows()
    objects = {path.name for path in (tmp_path / "first").iterdir()}

    began = perf_counter()
    again = compiler.compile(network(), example, folder=tmp_path / "first", tuner=Tuner(store, budget=SEEDS))
    warm = perf_counter() - began

    assert first.report.is_compiled and again.report.is_compiled
    [chosen] = {tuple(sorted(each["knobs"].items())) for made in (first, again) for each in made.report.measurements}
    assert dict(chosen) == row.winner and len(row.trials) > 3
    assert row.key["operator"] == "step" and row.key["layout"] == isa.best().name
    assert {path.name for path in (tmp_path / "first").iterdir()} == objects  # no trial is left, and none was made anew
    assert warm <= 0.1 * cold, (warm, cold)
    torch.testing.assert_close(again(*example), network()(*example), rtol=1e-4, atol=1e-4)


class Enough(Exception):
    """The key is all that was wanted."""


class Asked(Tuner):
    """Remembers of which keys it was asked, and ends the compilation."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.keys: list[Key] = []

    def tune(self, tunable: Tunable, key: Key) -> Tuned:
        self.keys.append(key)
        raise Enough


def test_sizes_types_and_instructions_make_another_step_and_weights_do_not(tmp_path: Path) -> None:
    asked, example = Asked(Store(tmp_path)), (torch.randn(4, 256),)
    for module, target in (
        (network(64), "cpu"),
        (network(64), "cpu"),
        (network(96), "cpu"),
        (network(64).to(torch.bfloat16), "cpu"),
        (network(64), "cpu:generic"),
    ):
        for number, weight in enumerate(module.parameters()):
            weight.data += 0.01 * len(asked.keys) * number
        inputs = tuple(each.to(next(module.parameters()).dtype) for each in example)
        with pytest.raises(Enough):
            compiler.compile(module, inputs, tuner=asked, target=target)
    first, again, *others = (key.exact for key in asked.keys)
    assert first == again and len({first, *others}) == 4


def test_more_sums_than_registers_are_never_built(tmp_path: Path) -> None:
    source = source_of(for_processor(optimized(capture(network(64), (torch.randn(2, 256),)))))
    for name, most in (("generic", 3), ("avx512", 7)):
        variant = isa.variant(name)
        with TunedStep(source, (), variant, tmp_path, threads=1, prove=_never, run=_never) as step:
            default = step.space.default
            left = [rows for rows in range(1, 9) if step.prune({**default, "MATMUL_ROWS": rows}) is None]
        assert left == list(range(1, most + 1))
    assert not list(tmp_path.iterdir())


def _never(_: object) -> NoReturn:
    raise AssertionError("nothing is built to be pruned")


def test_without_a_tuner_the_kernels_choose(tmp_path: Path) -> None:
    made = compiler.compile(network(64), (torch.randn(2, 256),))
    assert all("knobs" not in each for each in made.report.measurements)
