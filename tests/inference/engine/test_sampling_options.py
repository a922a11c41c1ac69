from __future__ import annotations

import math
import random
from collections import Counter

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.history import History
from inference.engine.sampler import Counts, Draw, Penalties, sample

VOCABULARY = 40


class Only:
    """A constraint that allows some tokens and remembers what was drawn."""

    def __init__(self, *allowed: int, instead: int | None = None) -> None:
        self._allowed = allowed
        self._instead = instead
        self.drawn: list[int] = []

    def allowed(self) -> numpy.ndarray:
        bits = numpy.zeros(VOCABULARY, dtype=numpy.uint8)
        bits[list(self._allowed)] = 1
        return numpy.packbits(bits, bitorder="little")

    def settle(self, token: int) -> int:
        self.drawn.append(token)
        return token if self._instead is None else self._instead


def draw(uniform: float = 0.5, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, **options) -> Draw:
    return Draw(temperature, top_k, top_p, uniform, options.pop("logprobs", None), **options)


def reference(logits: list[float], one: Draw, prompt: list[int], answer: list[int]) -> int:
    """The pipeline written out for one row: lists and loops, no tensor."""
    values = list(logits)
    for token, bias in (one.bias or {}).items():
        values[token] += bias
    if one.penalties is not None:
        for token in {*prompt, *answer}:
            factor = one.penalties.repetition
            values[token] = values[token] / factor if values[token] > 0 else values[token] * factor
        for token, count in Counter(answer).items():
            values[token] -= one.penalties.frequency * count + one.penalties.presence
    if isinstance(one.constraint, Only):
        values = [v if token in one.constraint._allowed else -math.inf for token, v in enumerate(values)]
    if one.temperature < 1e-5:
        return max(range(VOCABULARY), key=lambda token: values[token])
    top = max(values)
    weights = [math.exp((value - top) / one.temperature) for value in values]
    order = sorted(range(VOCABULARY), key=lambda token: -weights[token])
    if one.top_k:
        order = order[: one.top_k]
    whole, kept, reached = sum(weights[token] for token in order), [], 0.0
    for token in order:
        if one.top_p < 1 and reached >= one.top_p * whole:
            break
        kept.append(token)
        reached += weights[token]
    kept = [token for token in kept if weights[token] >= one.min_p * weights[order[0]]]
    if not one.cuts:
        kept = list(range(VOCABULARY))
    target = one.uniform * sum(weights[token] for token in kept)
    for token in kept:
        target -= weights[token]
        if target < 0:
            return token
    raise AssertionError("the uniform was not below 1")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_every_option_equals_the_plain_reference(seed: int, data: st.DataObject) -> None:
    chance = random.Random(seed)
    rows, wanted, draws = [], [], []
    for _ in range(data.draw(st.integers(1, 5))):
        logits = [chance.gauss(0, 2) for _ in range(VOCABULARY)]
        prompt, answer = (chance.choices(range(VOCABULARY), k=chance.randrange(9)) for _ in range(2))
        history = History(prompt)
        for token in answer:
            history.add(token)
        penalties = Penalties(chance.uniform(-2, 2), chance.uniform(-2, 2), chance.uniform(0.5, 2), history)
        one = draw(
            # Between the borders of the cumulated weights, where rounding decides nothing.
            chance.random(),
            temperature=chance.choice([0.0, 0.3, 1.0, 1.7]),
            top_k=chance.choice([0, 0, 1, 5, 30]),
            top_p=chance.choice([1.0, 1.0, 0.3, 0.9]),
            min_p=chance.choice([0.0, 0.0, 0.05, 0.4, 1.0]),
            bias=chance.choice([None, {3: 100.0}, {1: -100.0, 5: 2.5, 7: 0.0}]),
            penalties=chance.choice([None, penalties]),
            constraint=chance.choice([None, Only(*chance.sample(range(VOCABULARY), 12))]),
        )
        rows.append(logits)
        draws.append(one)
        wanted.append(reference(logits, one, prompt, answer))
    logits_tensor = torch.tensor(rows, dtype=torch.float64)

    assert [drawn.token for drawn in sample(logits_tensor, draws)] == wanted
    assert logits_tensor.tolist() == rows


def test_options_of_a_row_leave_its_neighbours_alone() -> None:
    logits = torch.randn(4, VOCABULARY, generator=torch.Generator().manual_seed(1))
    plain = [draw(0.1), draw(0.4, top_k=3), draw(0.9), draw(temperature=0.0)]
    history = History([1, 2])
    history.add(7)
    busy = draw(0.9, bias={4: 9.0}, penalties=Penalties(2, 2, 1.5, history), constraint=Only(4, 5), min_p=0.1)

    mixed = sample(logits, [plain[0], plain[1], busy, plain[3]])

    assert [mixed[row] for row in (0, 1, 3)] == [sample(logits, plain)[row] for row in (0, 1, 3)]
    assert mixed[2].token in (4, 5)


def test_a_constraint_has_the_last_word_and_logprobs_follow_it() -> None:
    logits = torch.zeros(1, VOCABULARY)
    logits[0, 9] = 3.0
    constraint = Only(9, 10, instead=10)

    (drawn,) = sample(logits, [draw(temperature=0.0, logprobs=1, constraint=constraint)])

    assert constraint.drawn == [9]
    assert drawn.token == 10
    assert drawn.logprob == pytest.approx(torch.log_softmax(logits[0], -1)[10].item())
    assert drawn.top[0][0] == 9


def test_a_row_that_is_not_finite_never_reaches_its_constraint() -> None:
    logits = torch.zeros(2, VOCABULARY)
    logits[0, 3] = float("nan")
    broken, whole = Only(1), Only(2)

    first, second = sample(logits, [draw(constraint=broken), draw(constraint=whole)])

    assert (first.token, second.token) == (None, 2)
    assert broken.drawn == []


def test_only_a_cut_that_needs_it_sorts_the_vocabulary() -> None:
    logits = torch.randn(1, 5000, generator=torch.Generator().manual_seed(2)) * 0.1
    counts = Counts()

    for one in (draw(), draw(top_k=50), draw(min_p=0.99), draw(top_k=300, min_p=0.99)):
        sample(logits, [one], counts)
    assert (counts.draws, counts.sorted) == (4, 0)
    sample(logits, [draw(top_p=0.9)], counts)
    assert (counts.draws, counts.sorted) == (5, 1)
