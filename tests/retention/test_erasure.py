from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from uuid import UUID

import msgspec
import psycopg
import pytest
from django.db import connections

from audit import certificates
from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from audit.verifier.verdict import Refusal
from cell import jobs
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.models import Job
from cell.problems import Problem
from cell.tenancy import workspace_scope
from retention import erasure, stores
from retention.erasures import erasure_get, erasure_list, erasure_request
from retention.ledger import Ledger
from retention.models import Erasure, ErasureScope, Tombstone
from retention.payloads import payload_open
from tests.factories import make_organization, make_workspace
from tests.retention.erasing import (
    ALL_STATES,
    Crash,
    ask,
    assert_gone,
    download,
    erasure_ledger,
    job_of,
    run,
    run_beside_a_writer,
    states,
)
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")


def test_a_request_is_erased_and_certified_and_its_neighbour_is_not_touched():
    organization = make_organization()
    workspace = organization.workspace
    request, neighbour = serve(workspace), serve(workspace)
    info = ask(organization, request)
    assert info.state == "received"
    done = run(workspace, info)
    assert (done.state, done.certified) == ("primary-erased", True)
    assert done.manifest is not None
    assert (done.manifest["payload-rows"], done.manifest["data-keys"]) == (1, 1)
    assert_gone(workspace, request)
    assert payload_open(workspace, neighbour) is not None
    assert states(workspace, info) == ALL_STATES
    lines = [line for line in erasure_ledger().lines() if line.erasure == tagged(Tag.ERASURE, config().cell, info.id)]
    assert [line.request for line in lines] == [tagged(Tag.REQUEST, config().cell, request)]


def test_the_certificate_verifies_offline_and_nothing_in_it_can_be_changed():
    organization = make_organization()
    request = serve(organization.workspace)
    info = ask(organization, request)
    run(organization.workspace, info)
    certificate = download(organization, info)
    verdict = verify_certificate(certificate, vkeys())
    assert "erasure.completed" in verdict.what
    statement = msgspec.json.decode(certificate)["statement"]
    assert statement["scope"] == {"request": tagged(Tag.REQUEST, config().cell, request)}
    assert statement["fenced"] <= statement["erased"] <= statement["beyond_recovery"]
    for name in (store.name for store in stores.registered(ErasureScope.REQUEST)):
        assert statement["stores"][name]["remaining"] == 0
        assert statement["stores"][name]["evidence"]
    assert statement["stores"]["payload-rows"]["evidence"]["asked_as"] == "bailiwick_auditor"
    assert b"CANARY" not in certificate
    for old, new in (
        (b'"remaining":0', b'"remaining":1'),
        (request.hex.encode(), uuid7().hex.encode()),
        (b"17", b"18"),
    ):
        with pytest.raises(Refusal):
            verify_certificate(certificate.replace(old, new), vkeys())


def test_an_unknown_id_is_not_success():
    organization = make_organization()
    for unknown in (uuid7(), serve(make_organization().workspace)):
        with pytest.raises(Problem) as refused:
            ask(organization, unknown)
        assert refused.value.status_code == 404
    with workspace_scope(organization.workspace):
        assert Erasure.objects.count() == 0
        assert Job.objects.filter(workspace_id=organization.workspace.id).count() == 0


def test_a_request_whose_payload_was_never_stored_is_erased_too():
    organization = make_organization()
    request = serve(organization.workspace, stored=False)
    done = run(organization.workspace, ask(organization, request))
    assert done.state == "primary-erased"
    assert done.manifest is not None
    assert done.manifest["payload-rows"] == 0
    assert_gone(organization.workspace, request)


def test_asking_again_finds_the_first_erasure_at_any_time():
    organization = make_organization()
    request = serve(organization.workspace)
    first = ask(organization, request)
    assert ask(organization, request).id == first.id
    run(organization.workspace, first)
    again, created = erasure_request(actor=organization.owner, workspace=organization.workspace, request=request)
    assert (again.id, again.state, created) == (first.id, "primary-erased", False)
    assert states(organization.workspace, first) == ALL_STATES
    assert len(erasure_list(organization.workspace, lambda rows: rows)) == 1


def test_many_who_ask_at_once_get_one_erasure():
    organization = make_organization()
    request = serve(organization.workspace)
    found: list[UUID] = []

    def asking() -> None:
        found.append(ask(organization, request).id)
        connections.close_all()

    threads = [threading.Thread(target=asking) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_what_arrives_after_the_fence_is_refused():
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace, stored=False)  # admitted, and its payload still on its way
    info = ask(organization, request)
    run(workspace, info)
    serve(workspace, request)
    assert_gone(workspace, request)


def test_a_writer_that_was_first_is_swept(cluster):
    """The eraser waits at the fence for a writer of the same request that saw no tombstone."""
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace, stored=False)
    info = ask(organization, request)
    run_beside_a_writer(workspace, info, request)
    run(workspace, info)
    assert_gone(workspace, request)


BOUNDARIES = [
    (erasure, "row_of"),
    (erasure, "_update"),
    (Ledger, "append"),
    (erasure, "_execute"),
    (erasure, "statement_of"),
    (erasure, "certificate_of"),
    (erasure.log, "record"),
    (certificates, "issue"),
    (stores.store_named("data-keys"), "plan"),
    (stores.store_named("data-keys"), "execute"),
    (stores.store_named("data-keys"), "verify"),
    (stores.store_named("payload-rows"), "plan"),
    (stores.store_named("payload-rows"), "execute"),
    (stores.store_named("payload-rows"), "verify"),
    (jobs.Lease, "extend"),
    (jobs.Lease, "complete"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), BOUNDARIES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_crash_at_any_boundary_ends_in_the_same_place(monkeypatch, owner, name, when):
    organization = make_organization()
    workspace = organization.workspace
    request, neighbour = serve(workspace), serve(workspace)
    info = ask(organization, request)
    calls, crashes = [0], [0]
    original = getattr(owner, name)

    def crashing(*args, **kwargs):
        # The first call dies at once, the second after one good run, and so on: every occurrence once.
        calls[0] += 1
        due = calls[0] in (1, 3, 6, 10, 15)
        if due and when == "before":
            crashes[0] += 1
            raise Crash
        result = original(*args, **kwargs)
        if due:
            crashes[0] += 1
            raise Crash
        return result

    monkeypatch.setattr(owner, name, crashing)
    done = run(workspace, info)
    assert crashes[0] >= 1
    assert (done.state, done.certified) == ("primary-erased", True)
    assert states(workspace, info) == ALL_STATES
    assert_gone(workspace, request)
    assert payload_open(workspace, neighbour) is not None
    monkeypatch.undo()
    verify_certificate(download(organization, info), vkeys())


def test_erasures_are_their_workspaces_own():
    organization = make_organization()
    mine, other = organization.workspace, make_workspace(organization)
    request = serve(mine)
    info = ask(organization, request)
    run(mine, info)
    with workspace_scope(mine):
        assert Tombstone.objects.count() == Erasure.objects.count() == 1
    for elsewhere in (other, make_organization().workspace):
        with workspace_scope(elsewhere):
            assert Tombstone.objects.count() == Erasure.objects.count() == 0
        with pytest.raises(Problem):
            erasure_get(elsewhere, info.id)
        assert erasure_list(elsewhere, lambda rows: rows) == []


def test_a_tombstone_cannot_be_taken_away():
    workspace = make_organization().workspace
    with psycopg.connect(config().database.conninfo) as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("delete from retention_tombstone where workspace_id = %s", [workspace.id])


def test_a_worker_killed_in_the_middle_is_followed_by_another():
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    info = ask(organization, request)
    job = job_of(workspace, info)
    program = f"""
import django, os, signal
django.setup()
from uuid import UUID
from cell import jobs
from retention import stores
store = stores.store_named("payload-rows")
def die(target):
    os.kill(os.getpid(), signal.SIGKILL)
store.execute = die
jobs.run(UUID({str(job)!r}))
"""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.run([sys.executable, "-c", program], env=environ, check=False, capture_output=True)
    assert worker.returncode == -signal.SIGKILL
    assert erasure_get(workspace, info.id).state == "sweeping"
    assert jobs.run(job) is False  # the dead worker's lease still holds
    done = run(workspace, info)
    assert done.certified
    assert_gone(workspace, request)
    assert states(workspace, info) == ALL_STATES
