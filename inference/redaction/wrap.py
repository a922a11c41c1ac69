r"""Values wrapped over lines: a line feed, with indentation, a quoting ``> `` or a soft ``=`` of quoted-printable, inside a value.

Were the line feed a separator of every pattern, each would try every table of numbers, and what stands on two lines would be taken
together. Instead the scan of the text reports the few line feeds at which a value could go on (digits or capitals on both sides, or
a sign that says so), the text around them is written again in one line, and that is scanned with the same patterns. Only what
crosses such a line feed counts, and only if it is surer than what was found on its lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from .finding import VERIFIED, Span

_QUOTING: Final = r"[ \t>|#*/]"
_BREAK: Final = rf"\r?\n{_QUOTING}{{0,24}}"
TRIGGER: Final = (
    rf"(?:[0-9][ .:/-]?{_BREAK}[0-9A-Z]{{2}}|[A-Z][ .-]?{_BREAK}(?:[0-9]{{2}}|[A-Z]{{1,3}}[0-9])"
    rf"|[0-9A-Fa-f][:-]{_BREAK}[0-9A-Fa-f]{{2,4}}[:-]|[^\s=] ?[=\\]{_BREAK}[!-~]|[0-9A-Za-z]@{_BREAK}[0-9A-Za-z])"
)
"""Vectorscan expression of the line feeds at which a value could go on; it ends a few characters behind."""
_WHOLE_BREAK: Final = re.compile(rf" ?{_BREAK}")
_SOFT: Final = "=\\"
"""What ends a line that goes on: quoted-printable's soft break, a continuation in code."""
_GLUED: Final = "-./:@"
"""Signs after which the value goes on without a space."""
_REACH: Final = 128
"""Characters before and after a line feed that are read with it."""
_SURE: Final = ":@"
"""Those of them that end nothing: what is found on one line alone is a part."""
_LEAST_SCORE: Final = 0.85
_LEAST_SCORE_IN_PROSE: Final = 0.7
_LEAST_SCORE_GLUED: Final = 0.9


class _Joint(NamedTuple):
    start: int
    end: int
    soft: bool
    glued: bool


class Unwrapped(NamedTuple):
    """Pieces of a shadow, joined at its `joints` (offsets in `text`, ascending). `starts` are the offsets of the pieces in `text`,
    `origins` those in the shadow; `spaced` says whether joints became spaces."""

    text: str
    joints: list[int]
    softs: list[bool]
    starts: list[int]
    origins: list[int]
    spaced: bool

    def original(self, span: Span) -> Span:
        """The span of the shadow that a span of `text` stands for."""
        return self._origin(span[0]), self._origin(span[1] - 1) + 1, *span[2:]

    def _origin(self, place: int) -> int:
        piece = bisect_right(self.starts, place) - 1
        return self.origins[piece] + place - self.starts[piece]

    def crossing(self, spans: Iterable[Span], found: Sequence[Span]) -> list[Span]:
        """Those of the `spans` of `text` that lie across a joint and are surer than what was `found` there, in the shadow."""
        crossing = []
        for span in spans:
            first = bisect_right(self.joints, span[0])
            last = bisect_right(self.joints, span[1] - 2)
            if first >= last or span[3] < self._least(span):
                continue
            whole = self.original(span)
            soft = all(self.softs[first:last])
            if soft or span[3] == VERIFIED or not any(_stronger(other, whole) for other in found):
                crossing.append(whole)
        return crossing

    def _least(self, span: Span) -> float:
        if not self.spaced:
            return _LEAST_SCORE_GLUED
        return _LEAST_SCORE_IN_PROSE if _in_prose(self.text, span) else _LEAST_SCORE


def _in_prose(text: str, span: Span) -> bool:
    """Whether a word stands before the span and no number behind it: no table has its numbers there."""
    before = text[max(0, span[0] - 4) : span[0]].rstrip(" :(")
    return before[-1:].isalpha() and not any(map(str.isdigit, text[span[1] : span[1] + 3]))


def _stronger(other: Span, span: Span) -> bool:
    return other[0] < span[1] and span[0] < other[1] and other[3] >= span[3]


def unwrap(shadow: str, ends: Sequence[int]) -> list[Unwrapped]:
    """The text around the line feeds whose triggers end at `ends` (ascending) in one line: once with a space for each, and once
    with nothing where words were cut."""
    joints: list[_Joint] = []
    for end in ends:
        joint = _joint(shadow, end)
        if joint is not None and (not joints or joint.start >= joints[-1].end):
            joints.append(joint)
    if not joints:
        return []
    unwrapped = [_join(shadow, joints, spaced=True)]
    if not all(joint.glued for joint in joints):
        unwrapped.append(_join(shadow, joints, spaced=False))
    return unwrapped


def _joint(shadow: str, end: int) -> _Joint | None:
    feed = shadow.rfind("\n", max(0, end - 32), end)
    start = feed - 1 if shadow[feed - 1] == "\r" else feed
    start = start - 1 if shadow[start - 1] == " " else start
    whole = _WHOLE_BREAK.match(shadow, start)
    if feed < 1 or whole is None:
        return None
    last = shadow[start - 1]
    if last in _SOFT:
        return _Joint(start - 1, whole.end(), True, True)
    return _Joint(start, whole.end(), last in _SURE, last in _GLUED)


def _join(shadow: str, joints: list[_Joint], *, spaced: bool) -> Unwrapped:
    pieces: list[str] = []
    marks: list[int] = []
    starts: list[int] = []
    origins: list[int] = []
    length = 0
    place = _window_start(shadow, joints[0].start)
    for index, joint in enumerate(joints):
        starts.append(length)
        origins.append(place)
        piece = shadow[place : joint.start] + (" " if spaced and not joint.glued else "")
        marks.append(length + joint.start - place)
        pieces.append(piece)
        length += len(piece)
        following = joints[index + 1].start if index + 1 < len(joints) else len(shadow) + 2 * _REACH
        place = joint.end
        if following - place > 2 * _REACH:
            # The next line feed is far away: end this window, and begin another.
            stop = _window_end(shadow, place)
            starts.append(length)
            origins.append(place)
            piece = shadow[place:stop] + "\n\n"
            pieces.append(piece)
            length += len(piece)
            place = _window_start(shadow, following)
    return Unwrapped("".join(pieces), marks, [joint.soft for joint in joints], starts, origins, spaced)


def _window_start(shadow: str, joint: int) -> int:
    start = max(0, joint - _REACH)
    if start == 0 or start >= len(shadow):
        return start
    # A value that the window cuts in half is no value.
    space = shadow.find(" ", start, joint)
    return space if space >= 0 else start


def _window_end(shadow: str, joint: int) -> int:
    stop = min(len(shadow), joint + _REACH)
    if stop == len(shadow):
        return stop
    space = shadow.rfind(" ", joint, stop)
    return space if space >= 0 else stop
