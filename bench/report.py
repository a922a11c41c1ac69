"""What a benchmark says: one `Measure` a figure, as a line of JSON or of a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float
    """How long one point of one competitor is measured; a run takes a multiple of it."""
    note: TextIO
    """Where progress goes, so that results on standard output stay parseable."""

    def say(self, text: str) -> None:
        print(text, file=self.note, flush=True)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of ours, a peer's beside it from the same run, and what was promised.

    `ratio` is ours over the peer's, turned so that more is better; `target` is on the ratio, or on `value` where there is no
    peer; `met` is None for a figure that promises nothing.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None
    samples: int = 1
    ratio_low: float | None = None
    ratio_high: float | None = None
    """The ends of the ratio's 95 % interval, where one was made."""


class NothingMeasured(Exception):
    """A competitor answered nothing: there is no comparison, and none is made up. The message names it; run it again."""


def more_is_better(
    name: str, value: float, unit: str, peer: str, peer_value: float, *, at_least: float | None = None, samples: int = 1
) -> Measure:
    ratio = _over(value, peer_value, f"{name}: {peer}")
    target = None if at_least is None else f"ratio >= {at_least:g}"
    return Measure(
        name, value, unit, peer, peer_value, ratio, target, None if at_least is None else ratio >= at_least, samples
    )


def less_is_better(
    name: str, value: float, unit: str, peer: str, peer_value: float, *, at_least: float | None = None, samples: int = 1
) -> Measure:
    """As `more_is_better`, for times and sizes: the ratio is the peer's over ours."""
    ratio = _over(peer_value, value, name)
    target = None if at_least is None else f"ratio >= {at_least:g}"
    return Measure(
        name, value, unit, peer, peer_value, ratio, target, None if at_least is None else ratio >= at_least, samples
    )


def of_turns(
    made: Measure, ratio: float, *, at_least: float | None = None, low: float | None = None, high: float | None = None
) -> Measure:
    """With the `ratio` of what took turns, and the ends of its interval, in place of that of the two figures."""
    target = None if at_least is None else f"ratio >= {at_least:g}"
    met = None if at_least is None else ratio >= at_least
    return replace(made, ratio=ratio, target=target, met=met, ratio_low=low, ratio_high=high)


def at_most(name: str, value: float, unit: str, most: float, *, samples: int = 1) -> Measure:
    return Measure(name, value, unit, target=f"<= {most:g} {unit}", met=value <= most, samples=samples)


def at_least(name: str, value: float, unit: str, least: float, *, samples: int = 1) -> Measure:
    return Measure(name, value, unit, target=f">= {least:g} {unit}", met=value >= least, samples=samples)


def as_json(measures: Iterable[Measure]) -> Iterator[str]:
    for measure in measures:
        yield json.dumps(
            {**asdict(measure), **{k: _short(v) for k, v in asdict(measure).items() if isinstance(v, float)}}
        )


def as_table(measures: Iterable[Measure]) -> Iterator[str]:
    yield f"{'figure':<52} {'ours':>12} {'unit':<10} {'peer':<14} {'peer':>12} {'ratio':>8}  target"
    for m in measures:
        peer_value = "" if m.peer_value is None else f"{m.peer_value:.4g}"
        ratio = "" if m.ratio is None else f"{m.ratio:.3g}"
        within = "" if m.ratio_low is None else f" [{m.ratio_low:.3g}, {m.ratio_high:.3g}]"
        verdict = "" if m.target is None else f"{m.target} {'met' if m.met else 'MISSED'}"
        figures = f"{m.value:>12.4g} {m.unit:<10} {m.peer or '':<14} {peer_value:>12} {ratio:>8}{within}"
        yield f"{m.name:<52} {figures}  {verdict}".rstrip()


def _over(value: float, other: float, what: str) -> float:
    if not other:
        raise NothingMeasured(f"{what} answered nothing while it was measured; run it again on a quieter machine")
    return value / other


def _short(value: float) -> float:
    return float(f"{value:.5g}")
