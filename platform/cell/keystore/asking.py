"""Asking roots from an event loop: on threads of their own, a few at a time, and not again at once where one does not answer.

A root that hangs holds a thread for seconds. Without bounds its callers would pile up, and take the threads that others need.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cell.key_config import RootRef
from cell.keys.provider import RootRefused, RootUnavailable, UnwrapError
from cell.telemetry import get_logger

AWAY_S = 5.0
"""How long a root that did not answer is not asked again: whoever needs it meanwhile is told so at once."""
_THREADS = 4
"""For the cell's root, and as many for all customers' own keys together: theirs must not slow the others down."""

_T = TypeVar("_T")

logger = get_logger(__name__)


class KeyStoreUnavailable(Exception):
    """The key store or the root does not answer, or too much waits for it: nothing can be sealed now. Try again."""


class KeyRevoked(KeyStoreUnavailable):
    """The workspace's key is destroyed, or what holds its root refuses it: nothing can be sealed until somebody decides."""


class RootCalls:
    """For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cell = ThreadPoolExecutor(_THREADS, thread_name_prefix="root")
        self._own = ThreadPoolExecutor(_THREADS, thread_name_prefix="own-root")
        self._away_until: dict[RootRef | None, float] = {}

    async def ask(self, root: RootRef | None, question: Callable[..., _T], *values: object) -> _T:
        """``question(*values)``, which asks the customer's own `root`, or with None the cell's.

        Raises KeyRevoked or KeyStoreUnavailable: without an answer nothing is sealed.
        """
        threads = self._cell if root is None else self._own
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, self._asked, root, question, *values)
        except RootRefused as error:
            logger.warning("keys.root.refused", exc_info=error)
            raise KeyRevoked(str(error)) from error
        except RootUnavailable as error:
            raise KeyStoreUnavailable(str(error)) from error
        except UnwrapError as error:
            logger.error("keys.unwrap.failed", exc_info=error)
            raise KeyRevoked(str(error)) from error

    def _asked(self, root: RootRef | None, question: Callable[..., _T], *values: object) -> _T:
        if self._away_until.get(root, 0.0) > self._clock():
            raise RootUnavailable("what holds the root key did not answer a moment ago")
        try:
            return question(*values)
        except RootRefused:
            raise
        except RootUnavailable as error:
            self._away_until[root] = self._clock() + AWAY_S
            logger.warning("keys.root.away", exc_info=error)
            raise

    def close(self) -> None:
        """Waits for nobody: a thread that hangs ends when its call does."""
        self._cell.shutdown(wait=False, cancel_futures=True)
        self._own.shutdown(wait=False, cancel_futures=True)
