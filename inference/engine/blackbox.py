"""What an engine was doing when it died: native code ends a process as nothing else can, and whoever is started next has to know
whose it was.

Two files beside the socket. One names the artifacts whose code is being run, in memory that the kernel keeps when the process is
gone; into the other goes what was fatal, and nothing where the process was merely killed. Neither says anything of a request.
"""

from __future__ import annotations

import faulthandler
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from inference.engine.journal import log

_NAME = 64
"""Bytes of an address."""
_PLACES = {"step": 0, "load": _NAME}
"""Of the step thread, and of the loader's: each has one artifact at a time."""


class BlackBox:
    def __init__(self, socket: Path) -> None:
        """Reads what the last process of this socket left, and begins anew. Raises OSError."""
        doing, fatal = (socket.with_name(f"{socket.name}.{name}") for name in ("doing", "fatal"))
        self.died_in = frozenset(_named(doing)) if fatal.exists() and fatal.stat().st_size else frozenset[str]()
        """Artifacts in whose code the last process met its end."""
        if self.died_in:
            log(
                "engine.died",
                reason=fatal.read_text(errors="replace").split("\n", 1)[0],
                artifacts=" ".join(sorted(self.died_in)),
            )
        size = len(_PLACES) * _NAME
        doing.write_bytes(bytes(size))
        with doing.open("r+b") as file:
            self._doing = mmap.mmap(file.fileno(), size)
        self._fatal = fatal.open("w")
        # Names of functions and numbers of lines, of the thread that failed.
        faulthandler.enable(self._fatal, all_threads=False)

    @contextmanager
    def running(self, artifact: str, what: Literal["step", "load"]) -> Iterator[None]:
        """Code of the artifact is run in the block."""
        at = _PLACES[what]
        self._doing[at : at + _NAME] = artifact.encode().ljust(_NAME)[:_NAME]
        try:
            yield
        finally:
            self._doing[at : at + _NAME] = bytes(_NAME)

    def hung(self) -> None:
        """The process is about to be ended for a step that does not end."""
        self._fatal.write("a step hung\n")
        self._fatal.flush()


def _named(doing: Path) -> list[str]:
    try:
        left = doing.read_bytes()
    except FileNotFoundError:
        return []
    return [name.decode() for at in _PLACES.values() if (name := left[at : at + _NAME].strip(b"\0 "))]
