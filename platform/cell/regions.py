"""The signed directory of regions, `cells.json`: the only thing that cells have in common. docs/formats/cells.md.

It is made offline, signed with Ed25519, shipped with a release, checked when a process starts, and served as the file's own
bytes at ``/.well-known/bailiwick/cells.json``. It names places, never customers: which region a workspace is in stands in
its id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import rfc8785

from cell import notes
from cell.ids import CELL_CODE

VERSION = 1
_NOTE_HEADING = "bailiwick cells v1"
_REGION = re.compile(r"[a-z]{2}(-[a-z0-9]+)+")
_AREA = re.compile(r"[a-z]{2,12}")


class DirectoryError(Exception):
    """The directory of regions cannot be used; the message says why and what to do."""


class UnknownCell(LookupError):
    """No cell in the directory has this code."""


@dataclass(frozen=True, slots=True)
class Region:
    id: str
    """As people say it: `eu-de-1`."""
    code: str
    """As it stands in ids and keys: `eude1`."""
    legal_area: str
    """The law that holds there: `eu`, `uk`, `us`."""
    base_url: str
    """Of the API, without a trailing slash."""
    console_url: str
    dr_peer: str | None = None
    """Region that may hold its backups and replica; always in the same legal area."""


@dataclass(frozen=True, slots=True)
class Directory:
    """All regions, as one signed whole. Made by `load`; immutable."""

    regions: tuple[Region, ...]
    serial: int
    """Grows with every edition: a cell can tell an older directory from a newer one."""
    valid_until: datetime

    @classmethod
    def load(cls, path: Path, vkey: str, *, now: datetime | None = None) -> Self:
        """Reads and checks `path`: signature by `vkey`, time, contents. Raises DirectoryError."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise DirectoryError(f"The directory of regions {path} cannot be read: {error.strerror}.") from error
        try:
            return cls.parse(raw, vkey, now=now)
        except DirectoryError as error:
            raise DirectoryError(f"{path}: {error}") from error

    @classmethod
    def parse(cls, raw: bytes, vkey: str, *, now: datetime | None = None) -> Self:
        """The directory in `raw`, checked. Raises DirectoryError."""
        document = _directory_document(raw, vkey)
        try:
            directory = cls(
                regions=tuple(Region(**entry) for entry in document["cells"]),
                serial=document["serial"],
                valid_until=datetime.fromisoformat(document["valid_until"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DirectoryError("The directory of regions is signed but incomplete; sign a new one.") from error
        directory.validate_all()
        if (now or datetime.now(UTC)) >= directory.valid_until:
            raise DirectoryError("The directory of regions is out of date; install the current one.")
        return directory

    def validate_all(self) -> None:
        """Raises DirectoryError that lists everything wrong with the regions and how they refer to each other."""
        problems = [problem for region in self.regions for problem in _problems_of(region)]
        for name in ("id", "code", "base_url"):
            values = [getattr(region, name) for region in self.regions]
            problems += [
                f"{value}: two regions have this {name}" for value in {v for v in values if values.count(v) > 1}
            ]
        by_id = {region.id: region for region in self.regions}
        for region in self.regions:
            if region.dr_peer is None:
                continue
            peer = by_id.get(region.dr_peer)
            if peer is None or peer is region:
                problems.append(f"{region.id}: its dr_peer is not another region of this directory")
            elif peer.legal_area != region.legal_area:
                problems.append(f"{region.id}: its dr_peer is in another legal area")
        if not self.regions:
            problems.append("it has no regions")
        if problems:
            raise DirectoryError("The directory of regions is wrong:\n" + "\n".join(f"  - {text}" for text in problems))

    def region(self, name: str) -> Region | None:
        return next((region for region in self.regions if region.id == name), None)

    def by_code(self, code: str) -> Region:
        """Raises UnknownCell."""
        for region in self.regions:
            if region.code == code:
                return region
        raise UnknownCell(f"no region has the cell code {code}" if re.fullmatch(CELL_CODE, code) else "not a cell code")

    def url_for(self, code: str) -> str:
        """Base URL of the cell with this code. Raises UnknownCell."""
        return self.by_code(code).base_url


def sign_directory(
    regions: Sequence[Region], signer: notes.Signer, *, serial: int = 1, valid_until: datetime | None = None
) -> bytes:
    """The bytes of a cells.json, signed; valid for a year unless said otherwise. Raises DirectoryError."""
    until = (valid_until or datetime.now(UTC) + timedelta(days=365)).astimezone(UTC).replace(microsecond=0)
    Directory(tuple(regions), serial, until).validate_all()
    document = {
        "version": VERSION,
        "serial": serial,
        "valid_until": until.isoformat().replace("+00:00", "Z"),
        "cells": [asdict(region) for region in regions],
    }
    signed = {"directory": document, "signature": notes.sign(_note_text(document), signer)}
    return json.dumps(signed, indent=2, ensure_ascii=False).encode() + b"\n"


def _directory_document(raw: bytes, vkey: str) -> dict[str, Any]:
    try:
        file = json.loads(raw)
        document, signature = file["directory"], file["signature"]
        if not isinstance(document, dict) or not isinstance(signature, str):
            raise TypeError("directory or signature")
        if document.get("version") != VERSION:
            raise DirectoryError(
                f"The directory of regions is not of version {VERSION}; install a release that reads it."
            )
        expected = _note_text(document)
    except (ValueError, KeyError, TypeError) as error:
        raise DirectoryError(
            "The directory of regions is not a cells.json; install the one of your release."
        ) from error
    try:
        text = notes.verify(signature, [vkey])
    except notes.NoteError as error:
        raise DirectoryError(f"The directory of regions is not signed by BAILIWICK_CELLS_VKEY: {error}.") from error
    if text != expected:
        raise DirectoryError("The directory of regions was altered after it was signed; install the original.")
    return document


def _note_text(document: dict[str, Any]) -> str:
    # A hash of the canonical bytes: white space and the order of keys may change on the way, meaning may not.
    return f"{_NOTE_HEADING}\nsha256 {hashlib.sha256(rfc8785.dumps(document)).hexdigest()}\n"


def _problems_of(region: Region) -> list[str]:
    problems = []
    if _REGION.fullmatch(region.id) is None:
        problems.append(f"{region.id}: a region's id looks like eu-de-1")
    if re.fullmatch(CELL_CODE, region.code) is None:
        problems.append(f"{region.id}: a cell code looks like eude1")
    if _AREA.fullmatch(region.legal_area) is None:
        problems.append(f"{region.id}: a legal area looks like eu")
    for url in (region.base_url, region.console_url):
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not (parts.hostname and (parts.scheme == "https" or (local and parts.scheme == "http"))):
            problems.append(f"{region.id}: {url} must begin with https:// (http:// only on this machine)")
    if region.base_url.endswith("/"):
        problems.append(f"{region.id}: base_url must not end in a slash")
    return problems
