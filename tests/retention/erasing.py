"""Erasures for tests: asked for, carried out by workers that may die, and looked at."""

from __future__ import annotations

import threading
from uuid import UUID

import msgspec
import psycopg
from django.db import connection, connections

from audit.models import AuditEntry
from cell import jobs
from cell.config import config
from cell.ids import Tag, tagged
from cell.keystore import rewriting
from cell.keystore.witness import trace_of
from cell.models import Job
from cell.tenancy import workspace_scope
from retention.erasures import certificate_download, erasure_get, erasure_request
from retention.ledger import Ledger
from retention.models import Tombstone
from retention.payloads import payload_open
from tests.retention.requests import payloads


class Crash(BaseException):
    """Ends the worker here, as SIGKILL would: no handler of the code under test may catch it."""


def job_of(workspace, info) -> UUID:
    """The last one: an erasure that goes on after `partial` has another."""
    with workspace_scope(workspace):
        return Job.objects.filter(effect_key__startswith=f"erasure/{info.id}").latest("id").id


def run(workspace, info):
    """Lets workers run the job until it ends, as the sweeper would. Returns the erasure then."""
    job = job_of(workspace, info)
    for _ in range(60):
        try:
            jobs.run(job)
        except Crash:
            connections.close_all()
        with workspace_scope(workspace), connection.cursor() as cursor:
            # The lease of a dead worker ends, and waits are over.
            cursor.execute("update cell_job set lease_until = null, run_after = now() where id = %s", [job])
        with workspace_scope(workspace):
            if jobs.status(job).state in ("done", "failed"):
                break
    return erasure_get(workspace, info.id)


def run_beside_a_writer(workspace, info, request, *before) -> None:
    """One run of the job while a transaction is open that wrote a payload of `request`, and first what `before` says.

    The eraser has to wait for it at the fence.
    """
    job = job_of(workspace, info)

    def erasing() -> None:
        jobs.run(job)
        connections.close_all()

    with psycopg.connect(config().database.conninfo) as writer:
        for statement, values in before:
            writer.execute(statement, values)
        writer.execute(
            "insert into retention_payload (id, workspace_id, organization_id, stored_at, prompt, answer)"
            " values (%s, %s, %s, now(), 'x', 'x')",
            [request, workspace.id, workspace.organization],
        )
        eraser = threading.Thread(target=erasing)
        eraser.start()
        eraser.join(timeout=1)
        assert eraser.is_alive()
        assert erasure_get(workspace, info.id).state == "scoped"
    eraser.join(timeout=30)


def ask(organization, request=None, workspace=None, **scope):
    """An erasure that the owner asked for: of a request, or as `scope` says."""
    of = scope if request is None else {"request": request}
    info, _ = erasure_request(actor=organization.owner, workspace=workspace or organization.workspace, **of)
    return info


def rewrite_keys() -> None:
    """As the daily job does: certificates that say `beyond recovery` wait for it."""
    rewriting.rewrite(config().keystore_database)


def download(organization, info, *, workspace=None, final=False) -> bytes:
    text = certificate_download(
        actor=organization.owner, workspace=workspace or organization.workspace, erasure=info.id, final=final
    )
    return text.encode()


def states(workspace, info) -> list[str]:
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    name = tagged(Tag.ERASURE, config().cell, info.id)
    return [body["after"]["state"] for body in bodies if name in body["targets"] and body["after"]]


ALL_STATES = ["received", "scoped", "fenced", "shredding", "sweeping", "verifying", "primary-erased"]


def assert_gone(workspace, request) -> None:
    assert payloads(workspace).isdisjoint({request})
    assert payload_open(workspace, request) is None
    assert trace_of(config().keystore_auditor_database, workspace.id, request).with_material == 0
    with workspace_scope(workspace):
        assert Tombstone.objects.filter(request_id=request).count() == 1


def erasure_ledger() -> Ledger:
    return Ledger(config().home / "erasures" / "ledger.jsonl")
