"""The memory of another process, for searches of what must not be in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 24


def memory(pid: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of every private, writable mapping of a process."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, _, _, _, *name = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in span.split("-"))
        if not re.match(r"rw.p", rights):
            continue
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as stream:
            position = start
            while position < end:
                stream.seek(position)
                try:
                    data = stream.read(min(_CHUNK, end - position))
                except OSError:
                    break
                yield (name[0] if name else "anonymous"), data
                position += _CHUNK - 4096  # so that nothing is missed on a border
                if len(data) < _CHUNK:
                    break
