"""Erasing a subject and a whole workspace."""

from __future__ import annotations

import threading

import msgspec
import psycopg
import pytest
from django.db import connections

from audit import log
from audit.actions import Action
from audit.personal import details_in
from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell import jobs
from cell.access import Actor, ActorKind, Scope
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.keystore.witness import trace_of, workspace_trace_of
from cell.problems import Problem
from cell.pseudonyms import subject_key, subject_pseudonym
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from inference.gateway.redaction_policies import redaction_policy_set
from retention import ageing, erasure, fences
from retention.erasures import erasure_get, erasure_preview, erasure_request
from retention.holds import hold_list, hold_place, hold_release
from retention.models import Erasure, Tombstone
from retention.payloads import payload_open
from tests.factories import make_key, make_organization, make_workspace
from tests.retention.erasing import Crash, ask, download, erasure_ledger, job_of, run, run_beside_a_writer
from tests.retention.requests import payloads, serve
from workspaces.services import key_issue, workspace_update

pytestmark = pytest.mark.usefixtures("committed")
ANNA, BEN = "anna@example.org", "ben"


def subjects(workspace) -> dict:
    with workspace_scope(workspace):
        return dict(RequestRecord.objects.filter(workspace_id=workspace.id).values_list("id", "subject"))


def pseudonym(workspace, subject) -> bytes:
    return subject_pseudonym(subject_key(workspace.id), subject)


def with_material(workspace, *requests) -> int:
    return trace_of(config().keystore_auditor_database, workspace.id, *requests).with_material


def test_all_of_a_subject_is_erased_and_nothing_of_another() -> None:
    organization = make_organization()
    workspace, elsewhere = organization.workspace, make_workspace(organization)
    anna = [
        serve(workspace, subject=ANNA),
        serve(workspace, subject=ANNA),
        serve(workspace, subject=ANNA, stored=False),
    ]
    others = [serve(workspace, subject=BEN), serve(workspace), serve(elsewhere, subject=ANNA)]

    info = ask(organization, subject=ANNA)
    done = run(workspace, info)

    assert (done.state, done.certified, done.scope) == ("primary-erased", True, "subject")
    assert done.manifest is not None
    assert (done.manifest["payload-rows"], done.manifest["request-subjects"]) == (2, 3)
    assert payloads(workspace) == set(others[:2])
    assert with_material(workspace, *anna) == 0
    assert with_material(workspace, *others[:2]) == 2
    assert {request: bytes(about) for request, about in subjects(workspace).items() if about is not None} == {
        others[0]: pseudonym(workspace, BEN)
    }
    assert payload_open(elsewhere, others[2]) is not None
    statement = msgspec.json.decode(download(organization, info))["statement"]
    assert statement["scope"] == {"subject": pseudonym(workspace, ANNA).hex(), "requests": 3}
    verify_certificate(download(organization, info), vkeys())
    assert ANNA.encode() not in download(organization, info)
    line = next(
        line for line in erasure_ledger().lines() if line.erasure == tagged(Tag.ERASURE, config().cell, info.id)
    )
    assert (line.scope, line.subject, line.request) == ("subject", pseudonym(workspace, ANNA).hex(), None)


def test_a_request_that_still_runs_when_its_subject_is_fenced_leaves_nothing() -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    running = uuid7()
    info = run(workspace, ask(organization, subject=ANNA))

    serve(workspace, running, subject=ANNA)

    assert running not in payloads(workspace)
    assert subjects(workspace)[running] is None
    with workspace_scope(workspace):
        assert Tombstone.objects.get(request_id=running).erasure_id == info.id
    assert ageing.destroy_late_keys() >= 1
    assert with_material(workspace, running) == 0
    with workspace_scope(workspace):
        assert not Tombstone.objects.filter(late=True).exists()


def test_what_a_subject_asks_for_afterwards_is_a_new_matter(monkeypatch) -> None:
    monkeypatch.setattr("retention.fences.CLOCKS", -ageing.timedelta(milliseconds=1))
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    first = run(workspace, ask(organization, subject=ANNA))

    later = serve(workspace, subject=ANNA)
    again, created = erasure_request(actor=organization.owner, workspace=workspace, subject=ANNA)

    assert created
    assert again.id != first.id
    assert payload_open(workspace, later) is not None
    assert run(workspace, again).manifest["payload-rows"] == 1
    assert payloads(workspace) == set()


def test_a_subject_that_nobody_asked_about_is_not_success() -> None:
    organization = make_organization()
    serve(organization.workspace, subject=BEN)
    with pytest.raises(Problem) as refused:
        ask(organization, subject=ANNA)
    assert refused.value.status_code == 404
    assert ANNA not in str(refused.value.detail)


def test_one_erasure_of_a_subject_runs_at_a_time() -> None:
    organization = make_organization()
    serve(organization.workspace, subject=ANNA)
    found = []

    def asking() -> None:
        found.append(ask(organization, subject=ANNA).id)
        connections.close_all()

    threads = [threading.Thread(target=asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_writer_that_saw_no_fence_of_its_subject_is_swept() -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    info, running = ask(organization, subject=ANNA), uuid7()
    record = (
        "insert into gateway_request (id, workspace_id, organization_id, key_id, kind, model, lane, streamed, subject,"
        " status, http_status, prompt_tokens, completion_tokens, redactions, started_at, duration_ms)"
        " values (%s, %s, %s, %s, 'chat', 'm', 'standard', false, %s, 'completed', 200, 1, 1, '{}', now(), 1)"
    )
    by_anna = [running, workspace.id, workspace.organization, uuid7(), pseudonym(workspace, ANNA)]

    run_beside_a_writer(workspace, info, running, (record, by_anna))

    assert run(workspace, info).state == "primary-erased"
    assert payloads(workspace) == set()
    assert subjects(workspace)[running] is None


@pytest.mark.parametrize("name", ["_fence", "_shred", "_sweep", "_verify", "_certify"])
@pytest.mark.parametrize("scope", ["subject", "workspace"])
def test_a_crash_before_any_step_ends_in_the_same_place(monkeypatch, name, scope) -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    state = next(state for state, step in erasure._STEPS.items() if step.__name__ == name)
    step, crashes = erasure._STEPS[state], iter([True, True])

    def dying(*args) -> None:
        if next(crashes, False):
            raise Crash
        step(*args)

    monkeypatch.setattr(erasure, "_STEPS", {**erasure._STEPS, state: dying})
    info = ask(organization, **({"subject": ANNA} if scope == "subject" else {"whole": True}))

    assert run(workspace, info).certified
    assert payloads(workspace) == set()
    verify_certificate(download(organization, info), vkeys())


def test_a_workspace_is_erased_closed_and_certified() -> None:
    organization = make_organization()
    workspace, neighbour = organization.workspace, make_workspace(organization)
    requests = [serve(workspace, subject=ANNA), serve(workspace)]
    kept = serve(neighbour, subject=ANNA)
    make_key(organization, workspace)
    deny = {"deny": {"values": ["Anna Schmidt"]}}
    redaction_policy_set(actor=organization.owner, workspace=workspace, document=deny, expected_version=1)

    found = erasure_preview(workspace=workspace, whole=True)
    info = ask(organization, whole=True)
    done = run(workspace, info)

    assert (found["payload-rows"], found["redaction-policies"]) == (2, 1)
    assert found["workspace-access"] >= 2
    assert (done.state, done.certified, done.scope) == ("primary-erased", True, "workspace")
    assert payloads(workspace) == set()
    assert workspace_trace_of(config().keystore_auditor_database, workspace.id).with_material == 0
    assert all(about is None for about in subjects(workspace).values())
    assert payload_open(neighbour, kept) is not None
    assert set(subjects(workspace)) == set(requests), "the figures stay"
    statement = msgspec.json.decode(download(organization, info))["statement"]
    assert statement["scope"] == {"workspace": organization.workspace_id}
    assert all(store["remaining"] == 0 for store in statement["stores"].values())
    for refused in (
        lambda: workspace_update(actor=organization.owner, workspace=workspace, changes={"state": "active"}),
        lambda: key_issue(
            actor=organization.owner,
            organization=organization.id,
            workspace=workspace,
            name="late",
            scopes={Scope.INFERENCE_CHAT},
        ),
    ):
        with pytest.raises(Problem) as problem:
            refused()
        assert problem.value.status_code == 409
    late = serve(workspace, subject=ANNA, stored=False)
    assert subjects(workspace)[late] is None


def test_a_payload_that_comes_after_its_workspace_was_erased_is_refused() -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace)
    run(workspace, ask(organization, whole=True))
    with psycopg.connect(config().database.conninfo) as writer:
        writer.execute(
            "insert into retention_payload (id, workspace_id, organization_id, stored_at, prompt, answer)"
            " values (%s, %s, %s, now(), 'x', 'x')",
            [uuid7(), workspace.id, workspace.organization],
        )
    assert payloads(workspace) == set()


def test_a_workspace_is_erased_only_by_who_may_erase_everywhere() -> None:
    organization = make_organization()
    officer = Actor(
        kind=ActorKind.MEMBER,
        id=organization.owner.id,
        organization=organization.id,
        workspace_scopes={organization.workspace.id: frozenset((Scope.ERASURES_WRITE,))},
    )
    with pytest.raises(Problem) as refused:
        erasure_request(actor=officer, workspace=organization.workspace, whole=True)
    assert refused.value.status_code == 403


def test_exactly_one_thing_is_named() -> None:
    organization = make_organization()
    for asked in ({}, {"request": uuid7(), "subject": ANNA}, {"subject": ANNA, "whole": True}):
        with pytest.raises(Problem) as refused:
            erasure_request(actor=organization.owner, workspace=organization.workspace, **asked)
        assert refused.value.status_code == 400


def test_a_preview_changes_nothing() -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace, subject=ANNA)

    found = erasure_preview(workspace=workspace, subject=ANNA)

    assert (found["payload-rows"], found["data-keys"], found["request-subjects"]) == (1, 1, 1)
    assert payload_open(workspace, request) is not None
    with workspace_scope(workspace):
        assert not Erasure.objects.exists()


def test_a_subject_is_not_certified_while_one_of_its_requests_is_still_being_erased(monkeypatch) -> None:
    organization = make_organization()
    workspace = organization.workspace
    single, other = serve(workspace, subject=ANNA), serve(workspace, subject=ANNA)
    first = ask(organization, single)
    with monkeypatch.context() as dying:
        dying.setitem(erasure._STEPS, erasure.ErasureState.FENCED, lambda *_: pytest.fail("died here"))
        with pytest.raises(pytest.fail.Exception):
            jobs.run(job_of(workspace, first))
    assert erasure_get(workspace, first.id).state == "fenced"

    info = ask(organization, subject=ANNA)
    done = run(workspace, info)

    assert done.certified
    assert payloads(workspace) == set()
    assert with_material(workspace, single, other) == 0
    assert msgspec.json.decode(download(organization, info))["statement"]["scope"]["requests"] == 2
    assert run(workspace, first).certified


def test_a_hold_on_what_came_just_before_the_fence_counts(monkeypatch) -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    info = ask(organization, subject=ANNA)
    lock, came = fences.lock, []

    def coming(target) -> None:
        came.append(serve(workspace, subject=ANNA))
        hold_place(actor=organization.owner, workspace=workspace, reason="Claim 7/2026", request=came[-1])
        lock(target)

    def others(target) -> None:
        thread = threading.Thread(target=lambda: (coming(target), connections.close_all()))
        thread.start()
        thread.join()

    monkeypatch.setattr(fences, "lock", others)
    jobs.run(job_of(workspace, info))

    assert erasure_get(workspace, info.id).state == "scoped"
    assert came[0] in payloads(workspace)
    assert erasure_ledger_of(info) == []


def erasure_ledger_of(info) -> list:
    return [line for line in erasure_ledger().lines() if line.erasure == tagged(Tag.ERASURE, config().cell, info.id)]


def test_what_holds_said_and_what_entries_keep_apart_goes_with_the_workspace() -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    hold = hold_place(actor=organization.owner, workspace=workspace, reason="Claim of Anna Schmidt", subject=ANNA)
    hold_release(actor=organization.owner, workspace=workspace, hold=hold.id)
    with workspace_scope(workspace):
        log.record(
            actor=organization.owner,
            action=Action.HOLD_RELEASED,
            workspace=workspace,
            targets=[(Tag.HOLD, hold.id)],
            after={"scope": "subject", "released": True},
            detail={"name": "Anna Schmidt"},
        )

    done = run(workspace, ask(organization, whole=True))

    assert done.certified
    assert done.manifest is not None
    assert (done.manifest["hold-reasons"], done.manifest["audit-details"]) == (1, 1)
    assert [listed.reason for listed in hold_list(workspace, lambda rows: rows)] == [""]
    assert details_in(workspace) == []


def test_what_a_hold_on_a_subject_said_goes_with_the_subject() -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject=ANNA)
    for subject in (ANNA, BEN):
        hold = hold_place(actor=organization.owner, workspace=workspace, reason=f"Claim of {subject}", subject=subject)
        hold_release(actor=organization.owner, workspace=workspace, hold=hold.id)

    run(workspace, ask(organization, subject=ANNA))

    assert sorted(listed.reason for listed in hold_list(workspace, lambda rows: rows)) == ["", "Claim of ben"]
