"""The manifest of an export: read from its canonical bytes, every member of the right type, or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from audit import canonical
from audit.bundle import FORMAT, VERSION
from audit.checkpoint import decode
from audit.merkle import ProofError, Range
from audit.verifier.verdict import Tampered

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9A-Z][a-z0-9A-Z.-]*")
_TEXTS = ("cell", "region", "organization", "workspace", "origin", "requested_at")
_NUMBERS = ("first", "end", "entries")
_MEMBERS = {"v", "format", *_TEXTS, *_NUMBERS, "range", "previous_manifest_sha256", "files"}


@dataclass(frozen=True, slots=True)
class File:
    name: str
    sha256: str
    bytes: int
    entries: int | None
    """How many entries it holds; None for a file of another kind."""


@dataclass(frozen=True, slots=True)
class Manifest:
    region: str
    workspace: str
    origin: str
    requested_at: str
    first: int
    end: int
    tree: Range
    """The tree of `first` entries, ready to be continued."""
    previous_manifest_sha256: str | None
    files: tuple[File, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises Tampered."""
        try:
            document = canonical.loads(data)
        except canonical.NotCanonical as error:
            raise Tampered(f"the manifest is {error}") from None
        if type(document.get("v")) is not int or document["v"] != VERSION or document.get("format") != FORMAT:
            raise Tampered("the manifest is not of version 1: use a newer verifier")
        previous = document.get("previous_manifest_sha256")
        if (
            document.keys() != _MEMBERS
            or not all(isinstance(document[name], str) for name in _TEXTS)
            or not all(_is_count(document[name]) for name in _NUMBERS)
            or not (previous is None or (isinstance(previous, str) and _SHA256.fullmatch(previous)))
            or not isinstance(document["files"], list)
            or document["end"] - document["first"] != document["entries"]
        ):
            raise Tampered("the manifest has other members than version 1 has")
        files = tuple(_file(item) for item in document["files"])
        if sum(file.entries or 0 for file in files) != document["entries"]:
            raise Tampered("the manifest's files do not hold as many entries as it says")
        return cls(
            region=document["region"],
            workspace=document["workspace"],
            origin=document["origin"],
            requested_at=document["requested_at"],
            first=document["first"],
            end=document["end"],
            tree=_tree(document["first"], document["range"]),
            previous_manifest_sha256=previous,
            files=files,
        )


def _file(item: Any) -> File:
    if isinstance(item, dict) and {"name", "sha256", "bytes"} <= item.keys() <= {"name", "sha256", "bytes", "entries"}:
        name, sha256, size, entries = item["name"], item["sha256"], item["bytes"], item.get("entries")
        if (
            isinstance(name, str)
            and _NAME.fullmatch(name)
            and isinstance(sha256, str)
            and _SHA256.fullmatch(sha256)
            and _is_count(size)
            and (entries is None if "entries" not in item else _is_count(entries))
        ):
            return File(name, sha256, size, entries)
    raise Tampered("the manifest has other members than version 1 has")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _tree(first: int, hashes: Any) -> Range:
    decoded = (
        [decode(item) if isinstance(item, str) else None for item in hashes] if isinstance(hashes, list) else [None]
    )
    try:
        return Range(first, [item for item in decoded if item is not None])
    except ProofError as error:
        raise Tampered(f"the manifest: {error}") from None
