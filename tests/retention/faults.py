"""Faults for erasures: what a worker may meet between any two statements, and where."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from typing import Any
from unittest import mock
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, connections

from audit import certificates
from cell import jobs
from cell.access import WorkspaceRef
from cell.jobs.queue import tenant_of
from cell.keystore import custody
from cell.tenancy import workspace_scope
from retention import erasure, fences, holds, ledger, stores
from retention.models import ErasureScope
from tests.retention.erasing import Crash


class Fault(Enum):
    CRASH_BEFORE = "the worker dies"
    CRASH_AFTER = "the worker dies when it was done"
    CRASH_BETWEEN = "the worker dies between two states"
    STORE_AWAY = "the store does not answer"
    AUDITOR_AWAY = "the auditor cannot connect"
    LEDGER_FULL = "the ledger's disk is full"
    KEYSTORE_AWAY = "the key store does not answer"
    LEASE_LOST = "the lease was somebody else's for a while"
    SECOND_WORKER = "another worker does the same at the same time"


PLACES_OF = {
    # What these faults break is a part of its own: the number chooses the call of that part.
    Fault.AUDITOR_AWAY: [(psycopg, "connect")],
    Fault.LEDGER_FULL: [(os, "pwrite")],
    Fault.CRASH_BETWEEN: [(jobs.Lease, "extend")],
    Fault.KEYSTORE_AWAY: [
        (custody, "material_of"),
        (custody, "material_in"),
        (custody, "erase_data_keys"),
        (custody, "destroy_workspace_key"),
    ],
}


def boundaries() -> list[tuple[Any, str]]:
    """Every function that an erasure calls between two states, and those that change something outside of them."""
    every = {store.name: store for scope in ErasureScope for store in stores.registered(scope)}
    return [
        (erasure, "row_of"),
        (erasure, "_update"),
        (erasure, "_execute"),
        (erasure, "statement_of"),
        (erasure, "certificate_of"),
        (erasure.log, "record"),
        (certificates, "issue"),
        (fences, "lock"),
        (fences, "announce"),
        (fences, "erect"),
        (holds, "held"),
        (ledger.Ledger, "append"),
        (jobs.Lease, "extend"),
        (jobs.Lease, "complete"),
        *((store, method) for _, store in sorted(every.items()) for method in ("plan", "execute", "verify")),
    ]


class FaultAt:
    """The call with this `number` (from 0) of a boundary meets the `fault`, while a worker runs `job` through this."""

    def __init__(self, fault: Fault, number: int, job: UUID) -> None:
        self.hit: list[str] = []
        """What it was; empty if there are not so many calls."""
        self.calls = 0
        self._fault, self._number, self._job = fault, number, job
        self._others: list[threading.Thread] = []

    def run(self) -> None:
        """One attempt, which may raise Crash."""
        places = PLACES_OF.get(self._fault, boundaries())
        if self._fault is Fault.STORE_AWAY:
            places = [place for place in places if place[1] in ("plan", "execute", "verify")]
        try:
            with ExitStack() as stack:
                for owner, name in places:
                    stack.enter_context(mock.patch.object(owner, name, self._wrapped(name, getattr(owner, name))))
                jobs.run(self._job)
        finally:
            for other in self._others:
                other.join(60)

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        worker = threading.get_ident()

        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != worker:
                return original(*args, **kwargs)
            due = self.calls == self._number
            self.calls += 1
            if due:
                self.hit.append(name)
                _before(self._fault, name, args, self._job, self._others)
            result = original(*args, **kwargs)
            if due and self._fault is Fault.CRASH_AFTER:
                raise Crash
            return result

        return call


def _before(fault: Fault, name: str, args: tuple[Any, ...], job: UUID, others: list[threading.Thread]) -> None:
    match fault:
        case Fault.CRASH_BEFORE | Fault.CRASH_BETWEEN:
            raise Crash
        case Fault.STORE_AWAY | Fault.AUDITOR_AWAY:
            raise psycopg.OperationalError(f"{name}: away")
        case Fault.KEYSTORE_AWAY:
            raise OperationalError("away")
        case Fault.LEDGER_FULL:
            os.write(args[0], args[1][:7])  # a part of the line, as a full disk leaves it
            raise OSError(errno.ENOSPC, "no space left")
        case Fault.LEASE_LOST:
            _elsewhere(lambda: end_lease(job), others)
        case Fault.SECOND_WORKER:
            _elsewhere(lambda: (end_lease(job), jobs.run(job)), others)


def end_lease(job: UUID) -> None:
    """As if the time of who holds it were over, and every wait."""
    tenant = tenant_of(job)
    workspace = None if tenant is None else tenant[0]
    if not isinstance(workspace, WorkspaceRef):
        raise LookupError("no such job of a workspace")
    with workspace_scope(workspace), connection.cursor() as cursor:
        cursor.execute(
            "update cell_job set lease_until = null, lease_owner = null, run_after = now() where id = %s", [job]
        )


def _elsewhere(action: Callable[[], object], others: list[threading.Thread]) -> None:
    """Does it in a thread. Waits a little only: it may need what the worker that is here holds."""

    def acting() -> None:
        try:
            action()
        finally:
            connections.close_all()

    thread = threading.Thread(target=acting)
    thread.start()
    others.append(thread)
    thread.join(0.2)
