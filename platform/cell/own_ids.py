"""Ids of what this cell has, as everybody outside of it sees them."""

from __future__ import annotations

from uuid import UUID

from cell.config import config
from cell.ids import Tag, tagged


def own_id(tag: Tag, number: UUID) -> str:
    return tagged(tag, config().cell, number)
