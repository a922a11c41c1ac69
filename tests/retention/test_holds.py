"""Legal holds and restrictions."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from cell import jobs
from cell.ids import uuid7
from cell.keystore import custody
from cell.problems import Problem
from retention.erasures import erasure_get
from retention.expiry import expire
from retention.holds import hold_list, hold_place, hold_release
from retention.payloads import PayloadHeld, payload_open
from tests.factories import make_organization
from tests.retention.erasing import ask, job_of, run
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")
ANNA = "anna@example.org"


def place(organization, **of):
    return hold_place(actor=organization.owner, workspace=organization.workspace, reason="Claim 7/2026", **of)


def release(organization, hold):
    return hold_release(actor=organization.owner, workspace=organization.workspace, hold=hold.id)


@pytest.mark.parametrize("held", ["request", "subject", "workspace"])
@pytest.mark.parametrize("erased", ["request", "subject", "workspace"])
def test_what_is_held_is_not_erased_until_it_is_released(held, erased) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace, subject=ANNA)
    named = {"request": {"request": request}, "subject": {"subject": ANNA}, "workspace": {}}
    hold = place(organization, **named[held])
    info = ask(organization, **(named[erased] or {"whole": True}))

    jobs.run(job_of(workspace, info))

    assert erasure_get(workspace, info.id).state == "held"
    assert payloads(workspace) == {request}
    with pytest.raises(PayloadHeld):
        payload_open(workspace, request)
    release(organization, hold)
    assert run(workspace, info).state == "primary-erased"
    assert payloads(workspace) == set()


def test_a_hold_that_is_placed_midway_counts_up_to_the_fence(monkeypatch) -> None:
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    info = ask(organization, request)
    from retention import fences

    announce = fences.announce
    monkeypatch.setattr(fences, "announce", lambda *args: pytest.fail("announced although it is held"))
    hold = place(organization, request=request)
    jobs.run(job_of(workspace, info))
    assert erasure_get(workspace, info.id).state == "held"
    monkeypatch.setattr(fences, "announce", announce)
    release(organization, hold)
    run(workspace, info)

    with pytest.raises(Problem) as refused:
        place(organization, request=request)
    assert refused.value.status_code == 409


def test_a_hold_on_one_does_not_keep_another(age_payloads) -> None:
    organization = make_organization()
    workspace = organization.workspace
    kept, gone = serve(workspace, subject=ANNA), serve(workspace, subject="ben")
    hold = place(organization, subject=ANNA)
    age_payloads(15, kept, gone)

    expire()

    assert payloads(workspace) == {kept}
    release(organization, hold)
    expire()
    assert payloads(workspace) == set()


def test_nothing_expires_in_a_held_workspace(age_payloads) -> None:
    organization = make_organization()
    request = serve(organization.workspace)
    hold = place(organization)
    age_payloads(400, request)
    expire()
    assert payloads(organization.workspace) == {request}
    release(organization, hold)
    assert payload_open(organization.workspace, request) is not None, "its day's key was kept, too"


def test_a_hold_needs_a_reason_and_names_one_thing() -> None:
    organization = make_organization()
    for asked in ({"reason": "  "}, {"reason": "x", "request": uuid7(), "subject": ANNA}):
        with pytest.raises(Problem) as refused:
            hold_place(actor=organization.owner, workspace=organization.workspace, **asked)
        assert refused.value.status_code == 400


def test_holds_are_listed_and_released_once() -> None:
    organization = make_organization()
    hold = place(organization, subject=ANNA)
    first = release(organization, hold)
    assert release(organization, hold).released_at == first.released_at
    (listed,) = hold_list(organization.workspace, lambda rows: rows)
    assert (listed.scope, listed.request, listed.reason) == ("subject", None, "Claim 7/2026")
    with pytest.raises(Problem) as refused:
        hold_release(actor=organization.owner, workspace=organization.workspace, hold=uuid7())
    assert refused.value.status_code == 404


def test_a_hold_that_is_placed_while_payloads_expire_waits_for_them(monkeypatch, age_payloads) -> None:
    organization = make_organization()
    request = serve(organization.workspace)
    age_payloads(400, request)
    destroy, placed = custody.expire_data_keys, threading.Event()

    def place_it() -> None:
        place(organization)
        placed.set()
        connections.close_all()

    def expiring(workspace, requests):
        if workspace == organization.workspace.id:
            threading.Thread(target=place_it).start()
            assert not placed.wait(0.5)
        return destroy(workspace, requests)

    monkeypatch.setattr(custody, "expire_data_keys", expiring)
    expire()

    assert payloads(organization.workspace) == set(), "it was not held when it began to expire"
    assert placed.wait(10)
