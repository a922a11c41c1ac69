"""Overlapping findings: which one the characters belong to."""

from __future__ import annotations

from .finding import Span


def resolve(spans: list[Span], shadow: str) -> list[Span]:
    """The `spans` of one text without overlaps, by position.

    * A span inside another belongs to the other; of two equal ones the higher score stays.
    * Where two cross, the higher score keeps its characters. A weaker one that runs into it is cut there; a weaker one
      that starts inside it was an accident of its characters and goes.
    * Where two of the same score cross, they become one: every character stays covered.
    """
    if len(spans) < 2:
        return spans
    spans.sort()
    resolved: list[Span] = []
    current = spans[0]
    for span in spans[1:]:
        if span[0] >= current[1]:
            resolved.append(current)
            current = span
        else:
            left, current = _cross(current, span, shadow)
            if left is not None:
                resolved.append(left)
    resolved.append(current)
    return resolved


def _cross(first: Span, second: Span, shadow: str) -> tuple[Span | None, Span]:
    """What is left of `first` before `second`, and the span that goes on. `first` starts no later and they overlap."""
    start, end, kind, score, layer = first
    other_start, other_end, other_kind, other_score, other_layer = second
    if start == other_start and end == other_end:
        return None, first if score >= other_score else second
    if end >= other_end:
        return None, first
    if start == other_start:
        return None, second
    if score > other_score:
        return None, first
    if score < other_score:
        cut = start + len(shadow[start:other_start].rstrip(" .,;:-/("))
        return ((start, cut, kind, score, layer) if cut > start else None), second
    if end - start >= other_end - other_start:
        return None, (start, other_end, kind, score, layer)
    return None, (start, other_end, other_kind, score, other_layer)
