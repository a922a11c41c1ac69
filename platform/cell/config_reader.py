"""Reading `BAILIWICK_*` variables as typed values, with every mistake kept and named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cell.database_url import DatabaseUrl
from cell.key_config import RootRef
from cell.object_config import parse_place
from cell.witness_config import CellWitness, parse_witnesses

_T = TypeVar("_T")


class Reader:
    """Reads typed values and collects what is wrong, so that the operator sees everything in one go."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def _read(self, name: str, parse: Callable[[str], _T], default: _T | None = None, *, optional: bool = False) -> _T:
        raw = self.environ.get(name, "")
        if not raw:
            if default is None and not optional:
                self.problems.append(f"{name} is not set")
            return default  # type: ignore[return-value]  # None only where a problem was recorded or the value is optional
        try:
            return parse(raw)
        except ValueError as error:
            self.problems.append(f"{name} {error}")
            return default  # type: ignore[return-value]  # a problem was recorded: the value is never used

    def text(self, name: str, *, pattern: str, example: str) -> str:
        return self._read(name, _like(pattern, example))

    def optional_word(self, name: str, pattern: str, example: str) -> str | None:
        return self._read(name, _like(pattern, example), optional=True)

    def optional_line(self, name: str) -> str | None:
        return self._read(name, _line, optional=True)

    def path(self, name: str) -> Path:
        return self._read(name, _absolute)

    def optional_path(self, name: str) -> Path | None:
        return self._read(name, _absolute, optional=True)

    def optional_text(self, name: str) -> str | None:
        return self._read(name, str, optional=True)

    def root(self, name: str) -> RootRef:
        return self._read(name, RootRef.parse)

    def roots(self, name: str) -> tuple[RootRef, ...]:
        return self._read(name, lambda raw: tuple(map(RootRef.parse, _words(raw))), ())

    def place(self, name: str) -> Path | str:
        return self._read(name, parse_place)

    def words(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        return self._read(name, _words, default)

    def networks(self, name: str) -> tuple[str, ...]:
        """Empty where it is not set."""

        def parse(raw: str) -> tuple[str, ...]:
            try:
                return tuple(str(ip_network(word)) for word in _words(raw))
            except ValueError:
                raise ValueError("must be networks like 10.20.0.0/16, separated by commas") from None

        return self._read(name, parse, ())

    def witnesses(self, name: str) -> tuple[CellWitness, ...]:
        """Empty where it is not set; everything wrong with it is reported, not only the first."""
        found, problems = parse_witnesses(self.environ.get(name, ""))
        self.problems += [f"{name} {problem}" for problem in problems]
        return found

    def flag(self, name: str, *, default: bool) -> bool:
        def parse(raw: str) -> bool:
            if raw not in ("0", "1"):
                raise ValueError("must be 0 or 1")
            return raw == "1"

        return self._read(name, parse, default)

    def number(self, name: str, *, default: int, least: int, most: int | None = None) -> int:
        def parse(raw: str) -> int:
            if not raw.isdecimal() or int(raw) < least or (most is not None and int(raw) > most):
                raise ValueError(
                    f"must be a whole number of at least {least}" + (f" and at most {most}" if most else "")
                )
            return int(raw)

        return self._read(name, parse, default)

    def ratio(self, name: str, *, default: float) -> float:
        def parse(raw: str) -> float:
            if re.fullmatch(r"\d*\.?\d+", raw) is None or float(raw) > 1:
                raise ValueError("must be a number from 0 to 1")
            return float(raw)

        return self._read(name, parse, default)

    def optional_url(self, name: str) -> str | None:
        return self._read(name, _http_url, optional=True)

    def database(self, name: str) -> DatabaseUrl:
        return self._read(name, DatabaseUrl.parse)

    def optional_database(self, name: str) -> DatabaseUrl | None:
        return self._read(name, DatabaseUrl.parse, optional=True)


def _like(pattern: str, example: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if re.fullmatch(pattern, raw) is None:
            raise ValueError(f"does not look like {example}")
        return raw

    return parse


def _words(raw: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[,\s]+", raw) if word)


def _line(raw: str) -> str:
    if not raw.isprintable() or len(raw) > 500 or not raw.strip():
        raise ValueError("must be one line of at most 500 characters")
    return raw.strip()


def _absolute(raw: str) -> Path:
    if not raw.startswith("/"):
        raise ValueError("must be an absolute path")
    return Path(raw)


def _http_url(raw: str) -> str:
    url = urlsplit(raw)
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc or url.query or url.fragment:
        # Somebody may have put a password into it.
        raise ValueError("must be like http://host:4318, without a user, a query or a fragment")
    return raw
