"""``python -m bench.peers.erasing SINGLE OF_SUBJECT OF_WORKSPACE``: how long erasures take, with workers beside this.

Requests and their sealed payloads are made in bulk: rows of the size and number that the gateway would have written, under a real
day's key. SINGLE requests are erased one after another, then a subject with OF_SUBJECT requests, then a workspace with
OF_WORKSPACE. Prints one JSON object. The database is the environment's.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import django
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from cell.access import Actor, Scope, WorkspaceRef, system_actor  # noqa: E402  # Django has to be set up first
from cell.config import config  # noqa: E402
from cell.ids import uuid7  # noqa: E402
from cell.keys import cell_keys  # noqa: E402
from cell.keystore.ring import KeyRing  # noqa: E402
from cell.pseudonyms import subject_key, subject_pseudonym  # noqa: E402
from retention.contracts import ErasureInfo  # noqa: E402
from retention.erasures import erasure_get, erasure_request  # noqa: E402
from workspaces.services import organization_bootstrap  # noqa: E402

SUBJECT = "somebody"
PROMPT_BYTES, ANSWER_BYTES, WRAPPED_BYTES = 2048, 1024, 61
_BATCH = 500
"""As many as one group commit writes: the payloads' trigger takes locks for each."""
_LONGEST_S = 600.0


def main(single: int, of_subject: int, of_workspace: int) -> None:
    made = organization_bootstrap(
        handle="bench", name="Bench", email="bench@example.org", password="a long enough password"
    )
    workspace = made.workspace.ref
    actor = replace(system_actor("command", workspace.organization), scopes=frozenset(Scope))
    requests = fill(workspace, single, None)
    fill(workspace, of_subject, SUBJECT)
    fill(workspace, max(0, of_workspace - single - of_subject), "somebody else")
    first, *others = requests
    erase(actor, workspace, request=first)  # the workers are warm
    ends = [erase(actor, workspace, request=request) for request in others]
    figures = {
        "fenced_s": sorted(fenced for fenced, _ in ends),
        "certified_s": sorted(certified for _, certified in ends),
        "subject_s": erase(actor, workspace, subject=SUBJECT)[1],
    }
    fill(workspace, single + of_subject, None)
    figures["workspace_s"] = erase(actor, workspace, whole=True)[1]
    sys.stdout.write(json.dumps(figures))


def erase(actor: Actor, workspace: WorkspaceRef, **what: Any) -> tuple[float, float]:
    """Seconds until it was fenced, and until its certificate was there."""
    began = monotonic()
    info, _ = erasure_request(actor=actor, workspace=workspace, **what)
    while not info.certified:
        if monotonic() - began > _LONGEST_S or info.state == "partial":
            raise RuntimeError(f"an erasure is {info.state} after {monotonic() - began:.0f} s")
        sleep(0.005)
        info = erasure_get(workspace, info.id)
    return _fenced_after(info), monotonic() - began


def _fenced_after(info: ErasureInfo) -> float:
    if info.fenced_at is None:
        raise RuntimeError("an erasure that is certified was fenced")
    return (info.fenced_at - info.received_at).total_seconds()


def fill(workspace: WorkspaceRef, count: int, subject: str | None) -> list[UUID]:
    """That many requests with a payload and a key each, about `subject`."""
    about = None if subject is None else subject_pseudonym(subject_key(workspace.id), subject)
    epoch = _epoch(workspace)
    requests = [uuid7() for _ in range(count)]
    with (
        psycopg.connect(config().database.conninfo, autocommit=True) as database,
        psycopg.connect(config().keystore_database.conninfo, autocommit=True) as keys,
    ):
        for first in range(0, count, _BATCH):
            batch = requests[first : first + _BATCH]
            keys.execute(
                "insert into keystore_data_key (id, workspace_id, epoch_id, wrapped, created_at)"
                " select id, %s, %s, %s, now() from unnest(%s::uuid[]) id",
                [workspace.id, epoch, os.urandom(WRAPPED_BYTES), batch],
            )
            database.execute(
                "insert into gateway_request (id, workspace_id, organization_id, key_id, kind, model, lane, streamed,"
                " subject, status, http_status, prompt_tokens, completion_tokens, redactions, started_at, duration_ms)"
                " select id, %s, %s, %s, 'chat', 'm', 'standard', false, %s, 'completed', 200, 5, 7, '{}', now(), 1500"
                " from unnest(%s::uuid[]) id",
                [workspace.id, workspace.organization, uuid7(), about, batch],
            )
            database.execute(
                "insert into retention_payload (id, workspace_id, organization_id, stored_at, prompt, answer)"
                " select id, %s, %s, now(), %s, %s from unnest(%s::uuid[]) id",
                [workspace.id, workspace.organization, os.urandom(PROMPT_BYTES), os.urandom(ANSWER_BYTES), batch],
            )
    return requests


def _epoch(workspace: WorkspaceRef) -> UUID:
    """The workspace's key of today, made as the gateway makes it."""

    async def make() -> UUID:
        request = uuid7()
        ring = KeyRing(config().keystore_database.conninfo, cell_keys())
        await ring.data_key(workspace.id, request, organization=workspace.organization)
        await ring.close()
        return request

    request = asyncio.run(make())
    with psycopg.connect(config().keystore_database.conninfo) as keys:
        row = keys.execute("select epoch_id from keystore_data_key where id = %s", [request]).fetchone()
    if row is None:
        raise RuntimeError("a key that was just made is not there")
    return UUID(str(row[0]))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
