from __future__ import annotations

from dataclasses import replace

import msgspec
import psycopg
import pytest
from django.db import IntegrityError, transaction

from audit.models import AuditEntry
from cell.access import Scope
from cell.config import config
from cell.problems import Problem
from cell.tenancy import workspace_scope
from retention.contracts import Policy
from retention.models import RetentionPolicy
from retention.policies import retention_policy, retention_policy_set
from tests.factories import make_organization, make_workspace

pytestmark = pytest.mark.usefixtures("committed")


def decide(organization, workspace=None, *, days=14, store=True, reason="", version=0, actor=None, classes=None):
    return retention_policy_set(
        actor=actor or organization.owner,
        workspace=workspace or organization.workspace,
        store_payloads=store,
        payload_days=days,
        reason=reason,
        expected_version=version,
        classes=classes,
    )


def test_nothing_is_stored_until_somebody_decides():
    assert retention_policy(make_organization().workspace) == Policy(store_payloads=False, payload_days=14, version=0)


def test_a_decision_holds_for_its_workspace_and_is_on_the_record():
    organization = make_organization()
    other = make_workspace(organization)
    decided = decide(organization, days=30)
    assert (decided.store_payloads, decided.payload_days, decided.version) == (True, 30, 1)
    assert retention_policy(organization.workspace) == decided
    assert retention_policy(other) == Policy()
    decide(organization, days=7, store=False, version=1)
    with workspace_scope(organization.workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    changes = [(body["before"], body["after"]) for body in bodies if body["action"] == "retention.changed"]
    assert changes == [
        (
            {"store_payloads": False, "payload_days": 14, "overridden": False, "version": 0},
            {"store_payloads": True, "payload_days": 30, "overridden": False, "version": 1},
        ),
        (
            {"store_payloads": True, "payload_days": 30, "overridden": False, "version": 1},
            {"store_payloads": False, "payload_days": 7, "overridden": False, "version": 2},
        ),
    ]


@pytest.mark.parametrize("days", [6, 31, 1, 3650])
def test_other_days_take_an_owner_and_a_reason(days):
    organization = make_organization()
    with pytest.raises(Problem, match="a reason is needed") as refused:
        decide(organization, days=days, reason="  ")
    assert refused.value.status_code == 400
    admin = replace(organization.owner, scopes=frozenset(Scope) - {Scope.DEPLOYMENTS_WRITE})
    with pytest.raises(Problem, match="Only an owner") as refused:
        decide(organization, days=days, reason="a law", actor=admin)
    assert refused.value.status_code == 403
    assert decide(organization, days=days, reason="CANARY a law").reason == "CANARY a law"
    with workspace_scope(organization.workspace):
        assert not [entry for entry in AuditEntry.objects.all() if b"CANARY" in bytes(entry.body)]


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_days_that_nobody_may_choose(days):
    with pytest.raises(Problem, match="must be between 1 and 3650"):
        decide(make_organization(), days=days, reason="a law")


def test_the_database_refuses_unreasoned_days_too():
    organization = make_organization()
    decide(organization)
    with workspace_scope(organization.workspace), pytest.raises(IntegrityError), transaction.atomic():
        RetentionPolicy.objects.update(payload_days=31)


def test_what_is_not_named_stays_as_it_was():
    organization = make_organization()
    decide(organization, classes={"exports": 30, "caches": 7})
    decided = decide(organization, days=20, version=1, classes={"exports": 40})
    assert dict(decided.classes) == {"exports": 40, "caches": 7}
    assert dict(decide(organization, version=2).classes) == {"exports": 40, "caches": 7}
    assert retention_policy(organization.workspace).days("subjects", 14) == 14
    with workspace_scope(organization.workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    (first, *_) = [body["after"] for body in bodies if body["action"] == "retention.changed"]
    assert first["classes"] == {"exports": 30, "caches": 7}


def test_other_days_of_one_class_take_a_reason_each_time():
    organization = make_organization()
    assert decide(organization, reason="a law", classes={"request_records": 1000}).reason == "a law"
    with pytest.raises(Problem, match="a reason is needed"):
        decide(organization, version=1)
    assert decide(organization, version=1, classes={"request_records": 90}).reason == ""


@pytest.mark.parametrize("classes", [{"exports": 0}, {"exports": 3651}, {"exports": "9"}, {"exports": 9.5}, [9]])
def test_the_database_refuses_days_that_are_none(classes):
    organization = make_organization()
    decide(organization)
    with workspace_scope(organization.workspace), pytest.raises(IntegrityError), transaction.atomic():
        RetentionPolicy.objects.update(classes=classes)


def test_a_decision_on_an_old_version_is_refused():
    organization = make_organization()
    decide(organization)
    with pytest.raises(Problem) as refused:
        decide(organization, days=20, version=0)
    assert refused.value.status_code == 412
    assert retention_policy(organization.workspace).payload_days == 14


def test_every_process_hears_of_a_decision():
    organization = make_organization()
    with psycopg.connect(config().database.conninfo, autocommit=True) as listener:
        listener.execute("listen workspace_changed")
        decide(organization)
        heard = [note.payload for note in listener.notifies(timeout=5, stop_after=1)]
    assert heard == [str(organization.workspace.id)]
