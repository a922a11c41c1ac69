"""Who co-signs the cell's own logs, as the operator names them in `BAILIWICK_WITNESSES`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from cell.notes import MalformedNote
from cell.witness_key import WitnessKey

MOST_WITNESSES = 8
"""Each is a line under every checkpoint that it co-signs."""


@dataclass(frozen=True, slots=True)
class CellWitness:
    url: str
    """Prefix of its addresses (C2SP tlog-witness): https, or http to this machine alone."""
    key: WitnessKey


def parse_witnesses(raw: str) -> tuple[tuple[CellWitness, ...], list[str]]:
    """Those that ``URL KEY, URL KEY …`` names, and everything that is wrong with the text."""
    items = [item for item in re.split(r"[,\n]+", raw) if item.strip()]
    found: list[CellWitness] = []
    problems: list[str] = []
    for number, item in enumerate(items, 1):
        wrong = list(_problems(item.split()))
        problems += [f"(witness {number}) {problem}" for problem in wrong]
        if not wrong:
            url, vkey = item.split()
            found.append(CellWitness(url.rstrip("/"), WitnessKey.parse(vkey)))
    if len({witness.key for witness in found}) != len(found):
        problems.append("names one witness's key twice")
    if len(items) > MOST_WITNESSES:
        problems.append(f"names more than {MOST_WITNESSES} witnesses")
    return tuple(found), problems


def _problems(words: list[str]) -> Iterator[str]:
    if len(words) != 2:
        yield "must be like https://witness.example.org name+hash+key; further ones follow after a comma"
        return
    url, vkey = words
    if not _is_address(url):
        yield "has an address that is not https://host (http:// only to this machine), without a user, a query or a fragment"
    try:
        WitnessKey.parse(vkey)
    except MalformedNote as error:
        yield f"has a wrong key: {error}"


def _is_address(raw: str) -> bool:
    try:
        url = urlsplit(raw)
        port = url.port
    except ValueError:
        return False
    if not url.hostname or "@" in url.netloc or "?" in raw or "#" in raw or port == 0:
        return False
    return raw.isascii() and (url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname)))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
