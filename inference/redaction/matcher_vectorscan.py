"""Vectorscan: all triggers in one pass at memory speed. Its databases can be kept, for the machines they were made for."""

from __future__ import annotations

import platform
import threading
from collections.abc import Sequence
from functools import cache

import hyperscan

from .alternatives import apart
from .kept import keep, recall
from .trigger import Hit, MatcherError, Trigger


class VectorscanMatcher:
    """The database is shared, each thread has a scratch. Compiling a hundred triggers takes a second or so."""

    def __init__(self, triggers: Sequence[Trigger], ids: Sequence[int] | None = None, *, kept: bool = False) -> None:
        """`ids` stand for the triggers in hits; their indices if not given. With `kept`, what is compiled is kept for other
        processes of this account: for triggers that are not somebody's own."""
        self._kept = kept
        self._triggers = tuple(triggers)
        self._ids = list(range(len(self._triggers)) if ids is None else ids)
        self._database: hyperscan.Database | None = None
        self._compiling = threading.Lock()
        self._thread = threading.local()

    @classmethod
    def load(cls, data: bytes) -> VectorscanMatcher:
        """The matcher of a `dump` made by a Vectorscan of this `platform_of_databases`. Raises MatcherError."""
        matcher = cls(())
        try:
            matcher._database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        except hyperscan.error as error:
            raise MatcherError(f"the database cannot be loaded ({type(error).__name__})") from None
        return matcher

    def dump(self) -> bytes:
        """The compiled database. Raises MatcherError."""
        try:
            data: bytes = hyperscan.dumpb(self._compiled())
        except hyperscan.error as error:
            raise MatcherError(type(error).__name__) from None
        return data

    @property
    def size(self) -> int:
        """Bytes of the database in memory."""
        return int(self._compiled().size())

    def compile(self) -> None:
        self._compiled()

    def hits(self, data: bytes) -> list[Hit]:
        hits: list[Hit] = []
        append = hits.append

        def on_match(index: int, start: int, end: int, flags: int, context: object) -> None:
            append((index, start, end))

        database = self._database
        try:
            if database is None:
                database = self._compiled()
            try:
                scratch = self._thread.scratch
            except AttributeError:
                scratch = self._thread.scratch = hyperscan.Scratch(database)
            database.scan(data, on_match, scratch=scratch)
        except hyperscan.error as error:
            raise MatcherError(type(error).__name__) from None
        return hits

    def _compiled(self) -> hyperscan.Database:
        with self._compiling:
            if self._database is None:
                made_of = f"{platform_of_databases()} {self._ids} {self._triggers}" if self._kept else ""
                self._database = self._recalled(made_of)
            if self._database is None:
                database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
                parts = [
                    (expression, index, _flags(trigger))
                    for trigger, index in zip(self._triggers, self._ids, strict=True)
                    for expression in apart(trigger.expression)
                ]
                try:
                    database.compile(
                        expressions=[expression.encode("latin-1") for expression, _, _ in parts],
                        ids=[index for _, index, _ in parts],
                        flags=[flags for _, _, flags in parts],
                    )
                except hyperscan.error as error:
                    raise MatcherError(type(error).__name__) from error
                self._database = database
                if self._kept:
                    keep(made_of, hyperscan.dumpb(database))
        return self._database

    @staticmethod
    def _recalled(made_of: str) -> hyperscan.Database | None:
        data = recall(made_of) if made_of else None
        if data is None:
            return None
        try:
            return hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        except hyperscan.error:
            return None  # of another Vectorscan after all: it is compiled and kept again


@cache
def platform_of_databases() -> str:
    """Version of Vectorscan and features of the processor that databases are made for here; others cannot be loaded."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[b"ab"], ids=[0], flags=[0])
    return f"{platform.machine()} {database.info()!s}".replace("\n", " ")


def _flags(trigger: Trigger) -> int:
    flags: int = hyperscan.HS_FLAG_CASELESS if trigger.caseless else 0
    if trigger.once:
        return flags | int(hyperscan.HS_FLAG_SINGLEMATCH)
    return flags | (int(hyperscan.HS_FLAG_SOM_LEFTMOST) if trigger.start_known else 0)
