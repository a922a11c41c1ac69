"""Named keys: one key for one purpose of one owner, made at random when it is first asked for and destroyed when it is time.

Sealed under a key that is derived from the cell's seed, so that opening one asks no network and a new root leaves it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keystore import hierarchy
from cell.keystore.asking import KeyStoreUnavailable
from cell.keystore.maker import execute

_SELECT = "select sealed, number from keystore_named_key where owner_id = %s and purpose = %s"
_INSERT = """
insert into keystore_named_key as old (id, owner_id, purpose, sealed, number, created_at)
values (%s, %s, %s, %s, 1, clock_timestamp())
on conflict (owner_id, purpose) do update
set sealed = excluded.sealed, number = old.number + 1, created_at = excluded.created_at, destroyed_at = null
where old.sealed is null
"""
_DESTROY = """
update keystore_named_key set sealed = null, destroyed_at = clock_timestamp()
where owner_id = %s and purpose = %s and sealed is not null returning id
"""


@dataclass(frozen=True, slots=True)
class NamedKey:
    key: bytes
    """32 bytes."""
    number: int
    """1 for the first key of its owner and purpose, one more for each that came after one was destroyed."""


def named_key(owner: UUID, purpose: str) -> NamedKey:
    """The key of `owner` for `purpose`; all processes have the same one. Raises KeyStoreUnavailable or UnwrapError."""
    rows = execute(_SELECT, [owner, purpose])
    if not rows or rows[0][0] is None:
        sealed = hierarchy.seal_named_key(cell_keys(), hierarchy.new_key(), owner, purpose)
        execute(_INSERT, [uuid7(), owner, purpose, sealed], fetch=False)
        rows = execute(_SELECT, [owner, purpose])
    sealed, number = rows[0]
    if sealed is None:
        raise KeyStoreUnavailable("the key was destroyed at this moment: ask again")
    return NamedKey(hierarchy.open_named_key(cell_keys(), sealed, owner, purpose), number)


def destroy_named_key(owner: UUID, purpose: str) -> bool:
    """Destroys the key; the next use makes another one. Returns whether there was one. Any number of times."""
    return bool(execute(_DESTROY, [owner, purpose]))
