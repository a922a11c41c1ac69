"""A thread that reads an iterable ahead, so far and no further. Imports no torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import Any

POLL_S = 0.1
"""How soon a reader with a full queue sees that nobody wants more."""


class ReadAhead:
    """At most `depth` items wait and one is in the reader's hand."""

    def __init__(self, source: Iterable[Any], depth: int) -> None:
        self._source = source
        self._waiting: queue.Queue[Any] = queue.Queue(depth)
        self._stop = threading.Event()
        self._end = object()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._read, name="inference-reader", daemon=True)
        self._thread.start()

    def take(self, most: int) -> list[Any]:
        """What has been read, at least one item and at most `most`; [] at the end. Raises there what the source raised."""
        part = [self._waiting.get()]
        while part[-1] is not self._end and len(part) < most and not self._waiting.empty():
            part.append(self._waiting.get())
        if part[-1] is self._end:
            part.pop()
            if part:
                self._waiting.put(self._end)
            elif self._failure is not None:
                raise self._failure
        return part

    def stop(self) -> None:
        """Has the reader read no more."""
        self._stop.set()

    def _read(self) -> None:
        try:
            for item in self._source:
                if not self._hand_over(item):
                    return
        except Exception as error:  # noqa: BLE001  # raised to who takes, after what was read before it
            self._failure = error
        self._hand_over(self._end)

    def _hand_over(self, item: Any) -> bool:
        while not self._stop.is_set():
            try:
                self._waiting.put(item, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False
