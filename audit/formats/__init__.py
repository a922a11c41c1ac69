"""Entries as a SIEM reads them: OCSF, ECS and CEF, each line made from one entry and from nothing else (docs/formats/siem.md).

What is proven is the entry's own bytes. A line names the tree, the place in it and the hash, so that it can be tied back to
the entry that the checkpoint signs; it says nothing that the entry does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from audit.formats import cef, ecs, ocsf
from audit.formats.line import Line, Log

__all__ = ["Form", "Format", "Log", "forms"]


class Format(StrEnum):
    OCSF = "ocsf"
    ECS = "ecs"
    CEF = "cef"


_WRITERS: dict[Format, tuple[Callable[[Line], bytes], str]] = {
    Format.OCSF: (ocsf.write, "ndjson"),
    Format.ECS: (ecs.write, "ndjson"),
    Format.CEF: (cef.write, "log"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """One format for the entries of one log, as `audit.bundle` takes it."""

    name: str
    suffix: str
    log: Log
    write: Callable[[Line], bytes]

    def line(self, body: bytes, seq: int) -> bytes:
        """The entry with these canonical bytes at place `seq` as one line, without its newline. Raises LineError."""
        return self.write(Line.of(body, seq, self.log))


def forms(names: Iterable[Format], log: Log) -> tuple[Form, ...]:
    """In the order of `Format`, each once, whatever the order of `names`: the same choice gives the same files."""
    chosen = set(names)
    return tuple(Form(name.value, _WRITERS[name][1], log, _WRITERS[name][0]) for name in Format if name in chosen)
