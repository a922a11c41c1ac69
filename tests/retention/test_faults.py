"""Erasures with a fault at every step boundary: they all end in the same place, and no certificate is false.

`make chaos` does 2,000 of them; `make test` a sample of every fault.
"""

from __future__ import annotations

import itertools
import os

import msgspec
import pytest
from django.db import connections

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell.config import config
from cell.ids import Tag, tagged
from cell.keystore.witness import trace_of, workspace_trace_of
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from retention import stores
from retention.erasures import erasure_get
from retention.models import ErasureScope
from retention.payloads import payload_open
from tests.factories import Organization, make_organization, make_workspace
from tests.retention.erasing import Crash, ask, download, erasure_ledger, job_of, run, states
from tests.retention.faults import Fault, FaultAt, end_lease
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")
ERASURES = int(os.environ.get("ERASURES", "2000"))
CALLS = {
    Fault.CRASH_BETWEEN: 7,
    Fault.LEDGER_FULL: 1,
    Fault.AUDITOR_AWAY: 3,
    Fault.KEYSTORE_AWAY: 2,
    Fault.STORE_AWAY: 12,
}
"""How many calls there are to be hit by a fault that has its own places."""
EVERY_CALL = 50
"""Of any boundary, in the erasure of a request; of larger ones there are a few more."""


def erase_with(organization: Organization, workspace, scope: ErasureScope, fault: Fault, number: int) -> list[str]:
    """One erasure that meets the fault once, looked at from all sides when it has ended. Returns what the fault hit."""
    subject = f"{scope}-{fault.name}-{number}"
    mine = [serve(workspace, subject=subject) for _ in range(1 if scope is ErasureScope.REQUEST else 2)]
    other = serve(workspace, subject="somebody else")
    of = {
        ErasureScope.REQUEST: {"request": mine[0]},
        ErasureScope.SUBJECT: {"subject": subject},
        ErasureScope.WORKSPACE: {"whole": True},
    }[scope]
    info = ask(organization, workspace=workspace, **of)
    job = job_of(workspace, info)
    faulty = FaultAt(fault, number, job)
    for _ in range(8):
        try:
            faulty.run()
        except Crash:
            connections.close_all()
        assert_true(organization, workspace, info, mine)
        if erasure_get(workspace, info.id).certified:
            break
        end_lease(job)
    hit = faulty.hit
    done = run(workspace, info)

    assert (done.state, done.certified) == ("primary-erased", True), (fault, number, hit)
    seen = states(workspace, info)
    assert seen == ["received", "scoped", "fenced", "shredding", "sweeping", "verifying", "primary-erased"], (hit, seen)
    assert_true(organization, workspace, info, mine)
    if scope is ErasureScope.WORKSPACE:
        assert payloads(workspace) == set()
    else:
        assert payload_open(workspace, other) is not None
    return hit


def assert_true(organization, workspace, info, requests) -> None:
    """Whatever is certified is so, and stands in the ledger."""
    if not erasure_get(workspace, info.id).certified:
        return
    certificate = download(organization, info, workspace=workspace)
    verify_certificate(certificate, vkeys())
    statement = msgspec.json.decode(certificate)["statement"]
    assert set(statement["stores"]) == {store.name for store in stores.registered(ErasureScope(info.scope))}
    assert payloads(workspace).isdisjoint(requests)
    assert trace_of(config().keystore_auditor_database, workspace.id, *requests).with_material == 0
    if info.scope == "workspace":
        assert workspace_trace_of(config().keystore_auditor_database, workspace.id).with_material == 0
    with workspace_scope(workspace):
        named = RequestRecord.objects.filter(workspace_id=workspace.id, id__in=requests, subject__isnull=False)
        assert not named.exists()
    name = tagged(Tag.ERASURE, config().cell, info.id)
    assert any(line.erasure == name for line in erasure_ledger().lines())


@pytest.mark.parametrize("fault", Fault)
def test_an_erasure_ends_in_the_same_place_whatever_it_meets(fault) -> None:
    organization = make_organization()
    most = CALLS.get(fault, EVERY_CALL)
    hits = [
        hit
        for number in range(0, most, max(1, most // 3))
        for hit in erase_with(organization, organization.workspace, ErasureScope.REQUEST, fault, number)
    ]
    assert hits


@pytest.mark.parametrize("scope", [ErasureScope.SUBJECT, ErasureScope.WORKSPACE])
def test_larger_erasures_do_so_too(scope) -> None:
    organization = make_organization()
    for fault, number in ((Fault.SECOND_WORKER, 30), (Fault.CRASH_AFTER, 22)):
        workspace = make_workspace(organization)
        assert erase_with(organization, workspace, scope, fault, number)


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_every_fault_at_every_boundary() -> None:
    organization = make_organization()
    hits: dict[Fault, set[tuple[int, str]]] = {fault: set() for fault in Fault}
    plans = itertools.cycle((fault, number) for number in range(EVERY_CALL) for fault in Fault)
    scopes = itertools.cycle([*[ErasureScope.REQUEST] * 6, *[ErasureScope.SUBJECT] * 3, ErasureScope.WORKSPACE])
    workspace = organization.workspace
    for done, (scope, (fault, number)) in enumerate(itertools.islice(zip(scopes, plans, strict=False), ERASURES)):
        if scope is ErasureScope.WORKSPACE or done % 100 == 0:
            workspace = make_workspace(organization)
        number %= CALLS.get(fault, EVERY_CALL)
        hits[fault] |= {(number, name) for name in erase_with(organization, workspace, scope, fault, number)}
        if scope is ErasureScope.WORKSPACE:
            workspace = make_workspace(organization)
    assert all(hits.values())
    assert len(hits[Fault.CRASH_BEFORE]) >= min(EVERY_CALL, ERASURES // 20)
