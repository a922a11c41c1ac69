from __future__ import annotations

import msgspec
import psycopg
import pytest

from cell import jobs
from cell.problems import Problem
from cell.tenancy import workspace_scope
from retention import erasure, stores
from retention.erasures import erasure_get
from retention.stores import Evidence
from tests.factories import make_organization
from tests.retention.erasing import ask, assert_gone, download, job_of, run, states
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")


def test_a_store_that_still_holds_something_is_never_certified(monkeypatch):
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    store = stores.store_named("payload-rows")
    monkeypatch.setattr(store, "execute", lambda target: None)
    info = ask(organization, request)
    done = run(workspace, info)
    assert (done.state, done.certified) == ("partial", False)
    assert states(workspace, info)[-1] == "partial"
    with pytest.raises(Problem, match="operator has to look") as refused:
        download(organization, info)
    assert refused.value.status_code == 409


@pytest.mark.parametrize("scope", ["request", "subject"])
def test_an_erasure_that_ended_with_something_left_goes_on_when_it_is_asked_for_again(monkeypatch, scope):
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace, subject="anna")
    of = {"request": request} if scope == "request" else {"subject": "anna"}
    with monkeypatch.context() as broken:
        broken.setattr(stores.store_named("payload-rows"), "execute", lambda target: None)
        info = ask(organization, **of)
        assert run(workspace, info).state == "partial"

    again = ask(organization, **of)
    assert (again.id, again.state, ask(organization, **of).state) == (info.id, "verifying", "verifying")
    done = run(workspace, info)
    assert (done.state, done.certified) == ("primary-erased", True)
    assert states(workspace, info)[-3:] == ["partial", "verifying", "primary-erased"]
    assert_gone(workspace, request)


def test_a_store_that_is_away_delays_and_does_not_certify(monkeypatch):
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    store, answers = stores.store_named("data-keys"), [0]
    original = store.verify

    def away(target):
        answers[0] += 1
        if answers[0] <= 3:
            raise psycopg.OperationalError("away")
        return original(target)

    monkeypatch.setattr(store, "verify", away)
    info = ask(organization, request)
    done = run(workspace, info)
    assert answers[0] == 4
    assert done.certified


def test_a_store_that_is_registered_later_is_asked_too(monkeypatch):
    organization = make_organization()
    workspace = organization.workspace
    info = ask(organization, serve(workspace))

    class Later:
        name, method, holds_keys, scopes = "later", "row deleted", False, stores.ANY_SCOPE
        held = 1

        def plan(self, target):
            return self.held

        def execute(self, target):
            self.held = 0

        def verify(self, target):
            return Evidence(self.held, {"rows": self.held})

    original = erasure._sweep
    later = Later()

    def sweep(*args):
        stores._registered["later"] = later
        original(*args)

    monkeypatch.setitem(erasure._STEPS, erasure.ErasureState.SWEEPING, sweep)
    monkeypatch.setattr(stores, "_registered", dict(stores._registered))
    done = run(workspace, info)
    assert done.certified
    assert later.held == 0
    assert "later" in msgspec.json.decode(download(organization, info))["statement"]["stores"]


def test_a_manifest_is_never_forgotten(monkeypatch):
    """A process that does not know one of the stores cannot say that it is clean."""
    organization = make_organization()
    workspace = organization.workspace
    info = ask(organization, serve(workspace))
    full = dict(stores._registered)

    class Known:
        name, method, holds_keys, scopes = "known", "row deleted", False, stores.ANY_SCOPE

        def plan(self, target):
            monkeypatch.setattr(stores, "_registered", full)
            return 1

    monkeypatch.setattr(stores, "_registered", {**full, "known": Known()})
    job = job_of(workspace, info)
    jobs.run(job)
    assert erasure_get(workspace, info.id).state == "verifying"
    with workspace_scope(workspace):
        assert jobs.status(job).error == "UnknownStore"
