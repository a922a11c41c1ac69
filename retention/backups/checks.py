"""What a cell that was put back has to stand up to: its log hashes to what was signed, and its payloads open."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.checkpoint import Checkpoint
from audit.entry import CELL_TREE
from audit.merkle import Range, leaf_hash
from cell import notes
from cell.database_url import DatabaseUrl
from cell.keys.envelope import Context, unseal
from cell.keystore import custody
from retention.backups.errors import Unsound
from retention.backups.manifest import Manifest
from retention.vault import ANSWER, PROMPT

_SAMPLE: Final = 50
_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Sound:
    entries: int
    """Of the cell's own log, that hash to the checkpoint of the backup."""
    payloads: int
    """Sampled, and opened with their keys."""


def check(manifest: Manifest, database: DatabaseUrl) -> Sound:
    """As the owner of `database`. Raises Unsound, cell.keys.UnwrapError or cell.keys.envelope.EnvelopeError."""
    with psycopg.connect(database.conninfo, connect_timeout=5) as connection:
        return Sound(_entries(manifest, connection), _payloads(connection))


def _entries(manifest: Manifest, connection: psycopg.Connection) -> int:
    if manifest.checkpoint is None:
        return 0
    text, _ = notes.split(manifest.checkpoint)
    signed, tree = Checkpoint.parse(text), Range()
    with connection.cursor(name="entries") as cursor:
        cursor.itersize = _ROWS
        cursor.execute(
            "select body from audit_entry where tree = %s and seq < %s order by seq", [CELL_TREE, signed.size]
        )
        tree.extend(leaf_hash(bytes(body)) for (body,) in cursor)
    if (tree.size, tree.root()) != (signed.size, signed.root):
        raise Unsound("the cell's log that was put back is not the one that the backup's checkpoint signs")
    return signed.size


def _payloads(connection: psycopg.Connection) -> int:
    opened = 0
    rows = connection.execute(
        "select id, workspace_id, prompt, answer from retention_payload order by stored_at desc limit %s", [_SAMPLE]
    )
    for request, workspace, prompt, answer in rows:
        with contextlib.suppress(custody.KeyDestroyed):  # its time was over, or its erasure ended, after the backup
            key = AESGCM(custody.open_data_key(workspace, request))
            unseal(key, bytes(prompt), Context(workspace, request, PROMPT))
            unseal(key, bytes(answer), Context(workspace, request, ANSWER))
            opened += 1
    return opened
