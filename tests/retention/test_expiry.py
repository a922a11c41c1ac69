from __future__ import annotations

from datetime import timedelta

import msgspec
import psycopg
import pytest
from django.utils import timezone

from audit.models import AuditEntry
from cell.config import config
from cell.keystore import custody
from cell.keystore.models import EpochKey
from cell.keystore.witness import trace_of
from cell.tenancy import workspace_scope
from retention.expiry import expire
from retention.payload_class import Payloads
from retention.payloads import payload_open
from retention.policies import retention_policy_set
from tests.factories import make_organization, make_workspace
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def age(cluster):
    """Makes stored payloads older, as time would."""

    def by(days: float, *requests) -> None:
        with psycopg.connect(cluster.url("bailiwick_owner")) as owner:
            owner.execute(
                "update retention_payload set stored_at = stored_at - make_interval(secs => %s) where id = any(%s)",
                [days * 86_400, list(requests)],
            )

    return by


def keep(organization, workspace, days):
    retention_policy_set(
        actor=organization.owner,
        workspace=workspace,
        store_payloads=True,
        payload_days=days,
        reason="",
        expected_version=0,
    )


def entries(workspace):
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    return [body["after"] for body in bodies if body["action"] == "payloads.expired"]


def test_payloads_live_as_long_as_their_workspace_decided(age):
    organization = make_organization()
    short, long = organization.workspace, make_workspace(organization)
    keep(organization, short, 7)
    keep(organization, long, 30)
    old, fresh, kept = serve(short), serve(short), serve(long)
    age(7.01, old, kept)
    age(6.99, fresh)
    expire()
    assert payloads(short) == {fresh}
    assert payloads(long) == {kept}
    assert payload_open(short, fresh) is not None
    assert trace_of(config().keystore_auditor_database, short.id, old).with_material == 0
    assert entries(short) == [{"removed": 1, "keys_destroyed": 1, "payload_days": 7}]
    assert entries(long) == []


def test_where_nobody_decided_payloads_live_fourteen_days(age):
    workspace = make_organization().workspace
    old, fresh = serve(workspace), serve(workspace)
    age(14.01, old)
    age(13.99, fresh)
    expire()
    assert payloads(workspace) == {fresh}


def test_the_policy_is_read_when_the_job_runs(age):
    organization = make_organization()
    workspace = organization.workspace
    request = serve(workspace)
    age(10, request)
    expire()
    assert payloads(workspace) == {request}
    keep(organization, workspace, 7)
    expire()
    assert payloads(workspace) == set()


def test_a_crash_between_keys_and_rows_leaves_nothing_readable_and_is_made_good(age):
    workspace = make_organization().workspace
    request = serve(workspace)
    age(15, request)
    custody.expire_data_keys(workspace.id, [request])  # and here it died
    assert payloads(workspace) == {request}
    assert payload_open(workspace, request) is None
    expire()
    assert payloads(workspace) == set()
    assert entries(workspace) == [{"removed": 1, "keys_destroyed": 0, "payload_days": 14}]


def test_many_go_in_chunks_with_an_entry_each(age):
    workspace = make_organization().workspace
    requests = [serve(workspace) for _ in range(5)]
    age(15, *requests)
    assert [Payloads().expire(workspace, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [entry["removed"] for entry in entries(workspace)] == [2, 2, 1]


def test_the_epoch_key_of_a_day_goes_when_all_of_it_expired():
    workspace = make_organization().workspace
    request = serve(workspace)
    today = timezone.now().date()
    EpochKey.objects.filter(workspace_id=workspace.id).update(day=today - timedelta(days=15))
    expire()
    assert EpochKey.objects.get(workspace_id=workspace.id).wrapped is not None
    EpochKey.objects.filter(workspace_id=workspace.id).update(day=today - timedelta(days=16))
    expire()
    assert EpochKey.objects.get(workspace_id=workspace.id).wrapped is None
    assert payload_open(workspace, request) is None
