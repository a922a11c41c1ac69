"""Work on texts that must not hold up the event loop: short texts are worked on at once, long ones on threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

SHORT_CHARACTERS = 8_192
"""The worst of longer texts would hold up every stream for a second and more."""
AT_ONCE = 4
"""They share one core, but the worst of texts does not keep the others waiting for its end."""

_T = TypeVar("_T")


class LongTexts:
    """The threads of one process; none is started before there is a long text."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="long-texts")

    async def run(self, characters: int, work: Callable[[], _T]) -> _T:
        """What `work` on so many `characters` gives."""
        if characters <= SHORT_CHARACTERS:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
