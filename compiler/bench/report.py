"""What was measured, for a terminal and for a program."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from compiler.bench.comparison import SHARES, Comparison
from compiler.bench.harness import Run


@dataclass(frozen=True, slots=True)
class Price:
    """Of the device on which was measured, so that cost is of this run and no list's."""

    per_hour: float
    currency: str = "EUR"


def figures(runs: Sequence[Run], price: Price | None) -> dict[str, Any]:
    """One server's figures over its rounds: latencies in seconds, memory in bytes."""
    latencies = {name: statistics.median(run.percentile(share) for run in runs) for name, share in SHARES.items()}
    return {
        **latencies,
        "tokens_per_second": statistics.median(run.tokens_per_second for run in runs),
        "cost_per_million_tokens": None
        if price is None
        else statistics.median(run.cost(price.per_hour) for run in runs),
        "peak_resident": max(run.peak.resident for run in runs),
        "peak_device": max(run.peak.device for run in runs),
        "answered": sum(len(run.answers) for run in runs),
        "failed": {name: sum(run.failed.get(name, 0) for run in runs) for run in runs for name in run.failed},
    }


def as_json(
    comparisons: Iterable[Comparison], *, price: Price | None = None, samples: bool = True
) -> list[dict[str, Any]]:
    """Plain values, an object a profile; with `samples` every latency, so that nobody has to believe a percentile."""
    found = []
    for comparison in comparisons:
        entry: dict[str, Any] = {
            "profile": comparison.profile,
            "rounds": len(comparison.ours),
            "currency": None if price is None else price.currency,
            "ours": figures(comparison.ours, price),
            "theirs": figures(comparison.theirs, price) if comparison.theirs else None,
            "deltas": {name: asdict(delta) for name, delta in comparison.deltas().items()},
        }
        if samples:
            sides = {"ours": comparison.ours, "theirs": comparison.theirs}
            entry["samples"] = {name: [run.latencies for run in runs] for name, runs in sides.items() if runs}
        found.append(entry)
    return found


def as_table(
    comparisons: Iterable[Comparison], *, price: Price | None = None, ours: str = "ours", theirs: str = "theirs"
) -> Iterator[str]:
    """A line a figure: ours, theirs, and the delta, above 1 where ours is better. `ours` and `theirs` name the two servers."""
    entries = as_json(comparisons, price=price, samples=False)
    names = {"ours": ours} | ({"theirs": theirs} if entries[0]["theirs"] is not None else {})
    wide = {side: max(10, len(name)) for side, name in names.items()}
    heads = " ".join(f"{name:>{wide[side]}}" for side, name in names.items())
    yield f"{'profile':<12} {'figure':<26} {heads}{'   delta' if 'theirs' in names else ''}"
    for entry in entries:
        for title, figure, factor in _rows(entry, price):
            values = " ".join(f"{entry[side][figure] * factor:>{wide[side]}.4g}" for side in names)
            delta = entry["deltas"].get(figure)
            within = "" if delta is None else f"{delta['ratio']:>6.3f} [{delta['low']:.3f}, {delta['high']:.3f}]"
            yield f"{entry['profile']:<12} {title:<26} {values}  {within}".rstrip()
        for side, name in names.items():
            if entry[side]["failed"]:
                yield f"{entry['profile']:<12} {name} failed: {entry[side]['failed']}"


def _rows(entry: dict[str, Any], price: Price | None) -> Iterator[tuple[str, str, float]]:
    """Of each figure its title, its name and what it is multiplied by."""
    yield from ((f"{name}, ms", name, 1e3) for name in SHARES)
    yield "tokens per second", "tokens_per_second", 1.0
    if price is not None:
        yield f"{price.currency} per million tokens", "cost_per_million_tokens", 1.0
    yield "peak memory, MB", "peak_resident", 1e-6
    if any(side is not None and side["peak_device"] for side in (entry["ours"], entry["theirs"])):
        yield "peak device memory, MB", "peak_device", 1e-6
