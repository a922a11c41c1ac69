"""What fills a size that code was made for, so that each is asked before it serves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import cycle, islice

from inference.engine.errors import NoKernels


def filling(texts: Sequence[list[int]], size: int, most: int) -> list[int]:
    """Numbers of texts, at most so many and some again and again, that together have as many tokens as go into `size`."""
    found: list[int] = []
    left = size
    for number in islice(cycle(range(len(texts))), len(texts) * size):
        if len(texts[number]) <= left and len(found) < most:
            found.append(number)
            left -= len(texts[number])
    return found


def check_asked(sizes: Collection[int], used: Collection[int]) -> None:
    """Raises NoKernels where one of `sizes` has computed nothing."""
    if unasked := set(sizes).difference(used):
        raise NoKernels(f"nothing of this model fills {', '.join(map(str, sorted(unasked)))} tokens")
