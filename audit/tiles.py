"""Tiles of a workspace's tree (C2SP tlog-tiles, https://c2sp.org/tlog-tiles): its hashes and entries in pieces of 256.

Whoever wants to follow or copy a log with tools that exist reads these. A full tile never changes again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from audit.log import tree_of
from audit.models import AuditEntry, TreeNode
from cell.access import WorkspaceRef
from cell.tenancy import workspace_scope

WIDTH = 256
_HIGHEST_LEVEL = 5
"""As in the specification: 256⁶ leaves are more than any log has."""
_LENGTH_BYTES = 2
_PATH = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class NoTile(LookupError):
    """There is no such tile, or not so much of it yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which piece of a level, and how much of it: 256, or fewer for the last one of a tree that grows."""

    index: int
    width: int

    @classmethod
    def parse(cls, path: str) -> Self:
        """From ``x001/x234/067`` or ``x001/x234/067.p/8``. Raises NoTile for any other spelling."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise NoTile
        place = cls(int(match[1].replace("x", "").replace("/", "")), int(match[2] or WIDTH))
        if place.path != path or place.width > WIDTH:
            raise NoTile
        return place

    @property
    def path(self) -> str:
        digits = f"{self.index:03d}"
        digits = digits.zfill(-len(digits) // 3 * -3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]]) + partial

    @property
    def span(self) -> tuple[int, int]:
        return self.index * WIDTH, self.index * WIDTH + self.width

    @property
    def is_full(self) -> bool:
        return self.width == WIDTH


def hash_tile(workspace: WorkspaceRef, level: int, place: Place) -> bytes:
    """`place.width` hashes of 32 bytes: of leaves at level 0, of the subtrees over 256 ** `level` leaves above. Raises NoTile."""
    if not 0 <= level <= _HIGHEST_LEVEL:
        raise NoTile
    start, end = place.span
    with workspace_scope(workspace):
        if level == 0:
            rows = AuditEntry.objects.filter(tree=tree_of(workspace), seq__gte=start, seq__lt=end).order_by("seq")
            found = [bytes(row.leaf_hash or b"") for row in rows.only("leaf_hash")]
        else:
            nodes = TreeNode.objects.filter(tree=tree_of(workspace), level=level)
            nodes = nodes.filter(position__gte=start, position__lt=end).order_by("position")
            found = [bytes(value) for value in nodes.values_list("hash", flat=True)]
    if len(found) != place.width:
        raise NoTile
    return b"".join(found)


def entry_bundle(workspace: WorkspaceRef, place: Place) -> bytes:
    """`place.width` entries, each after its length in two bytes, big-endian. Raises NoTile."""
    start, end = place.span
    with workspace_scope(workspace):
        rows = AuditEntry.objects.filter(tree=tree_of(workspace), seq__gte=start, seq__lt=end).order_by("seq")
        found = [bytes(body) for body in rows.values_list("body", flat=True)]
    if len(found) != place.width:
        raise NoTile
    return b"".join(len(body).to_bytes(_LENGTH_BYTES, "big") + body for body in found)
