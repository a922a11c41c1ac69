"""Requests whose web process died before it could say how they ended: each gets one outcome, `unknown`.

They are found without a row per request: the intents carry the tag of their process in their ids, ids are in time order, and
no request outlives its deadline. If a process was only asleep and still writes an outcome, the first one stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import class_row

from audit.actions import Action
from audit.entry import EntryActor, Kind, inference_entry, now, outcome_id
from audit.groupcommit import GroupCommit, Item
from cell.config import config
from cell.ids import Tag, earliest, untag
from cell.telemetry import get_logger
from inference.gateway.exchange import DEADLINE_S
from inference.gateway.listener import DEAD_AFTER_S
from inference.gateway.processes import tag_bytes
from inference.gateway.records import REQUEST_ROWS, SCOPES

CLOCK_MARGIN_S = 60.0
"""How far the clocks of a web process and of the database may be apart."""

_DEAD = "select tag, extract(epoch from seen_at)::float8 from gateway_process where seen_at < now() - make_interval(secs => %s)"
_LOST = """
select i.id, i.tree, i.organization_id, i.workspace_id, i.occurred_at, i.body
from audit_entry i
where i.kind = 1 and i.id >= %s and i.id < %s and substring(uuid_send(i.id) from 9 for 4) = %s
  and not exists (
    select from audit_entry o
    where o.id = encode(set_byte(uuid_send(i.id), 6, get_byte(uuid_send(i.id), 6) & 15 | 128), 'hex')::uuid
  )
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Intent:
    id: UUID
    tree: str
    organization_id: UUID
    workspace_id: UUID
    occurred_at: datetime
    body: bytes


class _After(msgspec.Struct):
    kind: str
    lane: str
    model: str
    redactions: dict[str, int]
    streamed: bool


class _Entry(msgspec.Struct):
    actor: EntryActor
    after: _After
    organization: str
    workspace: str


_decode = msgspec.json.Decoder(_Entry).decode


async def close_all() -> int:
    """Closes what dead processes left behind and forgets them. Returns the number of requests closed."""
    cell = config()
    if cell.auditor_database is None:
        raise RuntimeError("closing lost requests reads every tenant's entries: set BAILIWICK_AUDITOR_DATABASE_URL")
    async with await psycopg.AsyncConnection.connect(cell.database.conninfo, autocommit=True) as own:
        dead = await (await own.execute(_DEAD, [DEAD_AFTER_S])).fetchall()
        if not dead:
            return 0
        lost: list[_Intent] = []
        async with await psycopg.AsyncConnection.connect(cell.auditor_database.conninfo, autocommit=True) as reader:
            for tag, seen_at in dead:
                lost += await _lost_by(reader, tag, seen_at)
        await _close(lost)
        await own.execute("delete from gateway_process where tag = any(%s)", [[tag for tag, _ in dead]])
    if lost:
        log.warning("gateway.requests.lost", count=len(lost))
    return len(lost)


async def _lost_by(reader: psycopg.AsyncConnection[tuple[object, ...]], tag: int, seen_at: float) -> list[_Intent]:
    first = earliest(seen_at - DEADLINE_S - CLOCK_MARGIN_S)
    end = earliest(seen_at + DEAD_AFTER_S + CLOCK_MARGIN_S)
    async with reader.cursor(row_factory=class_row(_Intent)) as cursor:
        await cursor.execute(_LOST, [first, end, tag_bytes(tag)])
        return await cursor.fetchall()


async def _close(lost: list[_Intent]) -> None:
    commits = GroupCommit(config().database.conninfo, limit=len(lost), extra=[REQUEST_ROWS])
    await commits.start()
    try:
        for written in [commits.submit(_outcome(intent)) for intent in lost]:
            await written
    finally:
        await commits.stop()


def _outcome(intent: _Intent) -> Item:
    cell = config().cell
    said = _decode(intent.body)
    number, at = outcome_id(intent.id), now()
    body = inference_entry(
        action=Action.INFERENCE_COMPLETED,
        id=number,
        request=intent.id,
        at=at,
        cell=cell,
        organization=said.organization,
        workspace=said.workspace,
        actor=said.actor,
        scope=SCOPES[said.after.kind],
        after={"status": "unknown"},
    ).body()
    row = (
        intent.id,
        intent.workspace_id,
        intent.organization_id,
        untag(said.actor.key or "", Tag.KEY, cell),
        said.after.kind,
        said.after.model,
        said.after.lane,
        said.after.streamed,
        None,
        "unknown",
        0,
        None,
        0,
        0,
        msgspec.json.encode(said.after.redactions).decode(),
        intent.occurred_at,
        0,
    )
    return Item(
        number, intent.tree, intent.organization_id, intent.workspace_id, Kind.OUTCOME, at, body, rows=((row,),)
    )
