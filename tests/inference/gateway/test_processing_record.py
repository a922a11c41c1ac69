from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from audit.schedules import schedule_create
from cell.access import Scope
from cell.config import config
from cell.operator_config import AgreementConfig, OperatorConfig
from inference.gateway.processing_record import record_of_processing
from inference.gateway.redaction_policies import redaction_policy_set
from inference.gateway.usage import count_usage
from inference.redaction import TYPES
from retention.policies import retention_policy_set
from tests.factories import Organization, make_key, make_organization
from tests.inference.gateway.records import make_request, today
from tests.workspaces.test_subprocessors import HOSTING, SUPPORT, publish
from workspaces.services import agreement_accept, organization_update, workspace_update

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator that says who it is, offers an agreement, and exports spans."""
    found = replace(
        config(),
        operator=OperatorConfig(
            "Example Cells GmbH", "Musterweg 1, Berlin", "privacy@operator.example", None, "dpo@x.example"
        ),
        agreement=AgreementConfig("2026-03", "https://operator.example/dpa", None),
        otlp_endpoint="https://collector.example",
        otlp_region="eu-fr-1",
        trace_ratio=0.1,
    )
    for module in ("inference.gateway.processing_record", "workspaces.agreements"):
        monkeypatch.setattr(f"{module}.config", lambda: found)


def test_what_nobody_stated_is_null_and_not_invented(organization: Organization) -> None:
    record = record_of_processing(organization.workspace)

    assert record["format"] == "bailiwick-records-of-processing/1"
    assert record["processor"] == dict.fromkeys(("name", "address", "contact", "representative", "dpo"))
    assert record["controller"]["contact"] is None
    assert record["agreement"] == {"offered": None, "accepted": None}
    assert record["recipients"]["announced"] == []
    assert record["security"]["telemetry"] is None
    assert record["transfers"] == []
    assert record["processing"]["inference"]["used"] == []


@pytest.mark.usefixtures("stated")
def test_the_record_says_what_is_configured(organization: Organization) -> None:
    publish(HOSTING, SUPPORT)
    agreement_accept(actor=organization.owner, organization=organization.id, version="2026-03")

    record = record_of_processing(organization.workspace)

    assert record["processor"]["name"] == "Example Cells GmbH"
    assert record["processor"]["representative"] is None
    assert record["controller"]["name"] == organization.bootstrap.organization.name
    accepted = record["agreement"]["accepted"]
    assert (accepted["version"], accepted["by"][:7]) == ("2026-03", "member:")
    assert [one["name"] for one in record["recipients"]["in_force"]["subprocessors"]] == [
        HOSTING["name"],
        SUPPORT["name"],
    ]
    assert record["transfers"] == [{"to": SUPPORT["name"], "country": "US", "safeguard": SUPPORT["safeguard"]}]
    assert record["security"]["telemetry"] == {"region": "eu-fr-1", "ratio": 0.1, "payload": False}
    assert record["security"]["isolation"]["row_level_security"] is True
    assert record["security"]["isolation"]["tables"] == record["security"]["isolation"]["isolated"] > 10
    assert record["security"]["payload_encryption"] | {"key": ""} == {
        "cipher": "AES-256-GCM",
        "key": "",
        "root": "file",
        "own_root": None,
        "horizon_days": 7,
    }
    assert "payload-rows" in record["processing"]["erasure_stores"]


def test_the_record_follows_the_workspaces_decisions(organization: Organization) -> None:
    workspace, owner = organization.workspace, organization.owner
    before = record_of_processing(workspace)
    retention_policy_set(
        actor=owner, workspace=workspace, store_payloads=True, payload_days=21, reason="", expected_version=0
    )
    redaction_policy_set(
        actor=owner,
        workspace=workspace,
        document={"entities": {"EMAIL": {"action": "block"}}, "output_scan": "mask"},
        expected_version=1,
    )
    workspace_update(actor=owner, workspace=workspace, changes={"region_locked": True})
    organization_update(actor=owner, organization=organization.id, changes={"contact": "privacy@controller.example"})

    after = record_of_processing(workspace)

    days = [{one["name"]: one["days"] for one in record["retention"]["classes"]} for record in (before, after)]
    assert (days[0]["payloads"], days[1]["payloads"]) == (14, 21)
    assert {"subjects", "request_records", "exports", "caches"} <= days[1].keys()
    assert (before["processing"]["payload_storage"], after["processing"]["payload_storage"]) == (False, True)
    assert after["controller"]["contact"] == "privacy@controller.example"
    redaction = after["processing"]["redaction"]
    assert (redaction["version"], redaction["actions"]["EMAIL"], redaction["output_scan"]) == (2, "block", "mask")
    assert set(redaction["actions"]) == set(TYPES)
    assert redaction["actions"]["CARD"] == "mask"
    assert after["storage_regions"] == [config().region]
    assert after["workspace"]["region_locked"] is True


def test_what_was_used_is_told_by_model(organization: Organization) -> None:
    make_request(organization.workspace)
    make_request(organization.workspace, status="failed")
    make_request(organization.workspace, model="demo-embed", kind="embedding")
    make_request(make_organization().workspace)
    count_usage()

    used = record_of_processing(organization.workspace)["processing"]["inference"]["used"]

    days: dict[str, Any] = {"first_day": today().isoformat(), "last_day": today().isoformat()}
    assert used == [
        {"model": "demo-chat", "kind": "chat", "requests": 2, **days},
        {"model": "demo-embed", "kind": "embedding", "requests": 1, **days},
    ]


def test_where_the_log_is_sent_is_told(organization: Organization) -> None:
    made = schedule_create(
        actor=organization.owner,
        workspace=organization.workspace,
        destination={"kind": "webhook", "url": "https://192.0.2.1/log", "legal_area": "eu", "region": "eu-de-1"},
        secrets={"signing": ["whsec_" + "QUJD" * 8]},
    )
    sent = record_of_processing(organization.workspace)["recipients"]["audit_log"]

    place = {"kind": "webhook", "region": "eu-de-1", "legal_area": "eu"}
    assert sent == [{**place, "format": made.format, "interval_hours": 168}]


def test_it_is_read_with_retention_read_alone(organization: Organization) -> None:
    path = f"/api/workspaces/{organization.workspace_id}/records-of-processing"

    def get(scope: Scope) -> Any:
        key = make_key(organization, organization.workspace, scopes={scope})
        return Client().get(path, headers={"Authorization": f"Bearer {key.token}"})

    allowed, refused = get(Scope.RETENTION_READ), get(Scope.AUDIT_READ)

    assert (allowed.status_code, refused.status_code) == (200, 403)
    assert allowed.json()["workspace"]["id"] == organization.workspace_id
    assert allowed["Cache-Control"] == "no-store"
