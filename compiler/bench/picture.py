"""What was measured, to look at: for each profile, which share of the answers had come after how long."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from compiler.bench.comparison import SHARES, Comparison
from compiler.bench.harness import Run

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 320, 220, 52, 56, 44
_COLOURS = {"ours": "#0b7a75", "theirs": "#b4532a"}
"""Told apart by lightness and by a dashed line, too, for whoever does not see the hue."""
_POINTS = 200


def as_svg(comparisons: Sequence[Comparison], *, ours: str = "ours", theirs: str = "theirs") -> str:
    """One SVG document, a panel a profile; time is on a logarithmic axis. `ours` and `theirs` name the two servers, or the one."""
    names = {"ours": ours, "theirs": theirs} if comparisons[0].theirs else {"ours": ours}
    width = _LEFT + len(comparisons) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + 48
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" '
        f'font-size="12" role="img" aria-label="Latency of {escape(" and ".join(names.values()))}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_legend(names),
    ]
    for number, comparison in enumerate(comparisons):
        parts += _panel(comparison, _LEFT + number * (_WIDTH + _GAP))
    return "\n".join([*parts, "</svg>", ""])


def _legend(names: Mapping[str, str]) -> Iterator[str]:
    for number, (side, name) in enumerate(names.items()):
        x = _LEFT + number * 200
        yield f'<path d="M{x} 16h28" stroke="{_COLOURS[side]}" stroke-width="2.5"{_dash(side)}/>'
        yield f'<text x="{x + 36}" y="20" fill="#222222">{escape(name)}</text>'


def _panel(comparison: Comparison, left: float) -> Iterator[str]:
    sides = {
        side: _latencies(runs) for side, runs in (("ours", comparison.ours), ("theirs", comparison.theirs)) if runs
    }
    everything = [latency for latencies in sides.values() for latency in latencies]
    low, high = math.log10(min(everything)), math.log10(max(everything))
    span = max(high - low, 0.05)

    def x(latency: float) -> float:
        return round(left + (math.log10(latency) - low) / span * _WIDTH, 1)

    def y(share: float) -> float:
        return round(_TOP + (1 - share) * _HEIGHT, 1)

    title = f"{comparison.profile}: p50 {_gain(comparison)}"
    yield f'<text x="{left}" y="{_TOP - 14}" font-weight="600" fill="#222222">{escape(title)}</text>'
    yield f'<rect x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#cccccc"/>'
    for name, share in SHARES.items():
        yield f'<path d="M{left} {y(share)}h{_WIDTH}" stroke="#e4e4e4"/>'
        yield f'<text x="{left - 6}" y="{y(share) + 4}" text-anchor="end" font-size="10" fill="#666666">{name}</text>'
    for place, anchor in ((low, "start"), (low + span / 2, "middle"), (low + span, "end")):
        label = f"{10 ** (place + 3):.3g} ms"
        at = x(10**place)
        yield f'<text x="{at}" y="{_TOP + _HEIGHT + 18}" text-anchor="{anchor}" fill="#666666">{label}</text>'
    for side, latencies in sides.items():
        places = sorted({min(len(latencies) - 1, n * len(latencies) // _POINTS) for n in range(_POINTS + 1)})
        steps = " ".join(f"{x(latencies[place])},{y((place + 1) / len(latencies))}" for place in places)
        line = f'stroke="{_COLOURS[side]}" stroke-width="2.5"{_dash(side)}'
        yield f'<polyline points="{steps}" fill="none" {line}/>'


def _gain(comparison: Comparison) -> str:
    if not comparison.theirs:
        return f"{statistics.median(run.percentile(0.5) for run in comparison.ours) * 1e3:.3g} ms"
    gain = comparison.deltas()["p50"]
    return f"{gain.ratio:.2f}× [{gain.low:.2f}, {gain.high:.2f}]"


def _latencies(runs: Sequence[Run]) -> list[float]:
    return sorted(latency for run in runs for latency in run.latencies)


def _dash(side: str) -> str:
    return ' stroke-dasharray="6 4"' if side == "theirs" else ""
