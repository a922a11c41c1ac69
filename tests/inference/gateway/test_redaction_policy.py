from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.models import AuditEntry
from cell.access import Scope
from cell.tenancy import workspace_scope
from inference.gateway.models import RedactionPolicyVersion
from tests.factories import Organization, make_key, make_organization

POLICY: dict[str, Any] = {
    "default_action": "mask",
    "entities": {"IBAN": {"action": "block"}, "EMAIL": {"action": "reversible", "min_score": 0.5}},
    "custom": [{"id": "projects", "label": "ANNAS_PROJECT", "words": ["Aurora"], "action": "mask"}],
    "allow": {"domains": ["annaschmidt.example"]},
    "deny": {"values": ["Anna Schmidt"], "patterns": ["ANNA-[0-9]{4}"]},
}


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


def call(
    token: str, method: str, workspace_id: str, body: Any = None, path: str = "redaction-policy", **headers: str
) -> Any:
    return Client().generic(
        method,
        f"/api/workspaces/{workspace_id}/{path}",
        data="" if body is None else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", **headers},
    )


def put(organization: Organization, document: Any, etag: str | None = None) -> Any:
    if etag is None:
        etag = call(organization.admin_key, "GET", organization.workspace_id).headers["ETag"]
    return call(organization.admin_key, "PUT", organization.workspace_id, document, **{"If-Match": etag})


def last_entry(organization: Organization) -> tuple[dict[str, Any], str]:
    with workspace_scope(organization.workspace):
        body = bytes(AuditEntry.objects.order_by("-id")[0].body)
    return json.loads(body), body.decode()


def test_a_workspace_begins_with_the_default(organization: Organization) -> None:
    answer = call(organization.admin_key, "GET", organization.workspace_id)

    assert answer.status_code == 200
    assert answer.json() == {"version": 1, "default_action": "reversible", "entities": {}}
    assert answer.headers["ETag"]


def test_a_policy_is_decided_kept_and_recorded_without_what_people_typed(organization: Organization) -> None:
    first = put(organization, POLICY)
    second = put(organization, {"default_action": "reversible", "on_error": "allow"}, first.headers["ETag"])

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {"version": 2, **POLICY}
    assert second.json() == call(organization.admin_key, "GET", organization.workspace_id).json()
    assert second.json()["version"] == 3
    entry, text = last_entry(organization)
    assert entry["action"] == "redaction.changed"
    assert entry["before"] == {
        "actions": ["EMAIL:reversible", "IBAN:block"],
        "allow": {"domains": 1, "patterns": 0, "values": 0},
        "context_required": [],
        "countries": [],
        "custom": {"mask": 1},
        "default_action": "mask",
        "deny": {"patterns": 1, "values": 1},
        "evidence_hash": "none",
        "languages": [],
        "ner": "off",
        "ner_min_score_percent": 0,
        "on_error": "block",
        "output_scan": "off",
        "placeholder": "typed",
        "routes_left_out": [],
        "thresholds_percent": {"EMAIL": 50},
        "version": 2,
    }
    assert (entry["after"]["on_error"], entry["after"]["version"]) == ("allow", 3)
    assert "anna" not in text.lower()
    with workspace_scope(organization.workspace):
        assert list(RedactionPolicyVersion.objects.order_by("version").values_list("version", flat=True)) == [2, 3]


def test_everything_that_is_wrong_is_named_by_its_path(organization: Organization) -> None:
    wrong = {
        "default_action": "drop",
        "entities": {"ANNA": {"action": "mask"}},
        "custom": [{"id": "a", "label": "A", "pattern": "(a+)+$"}, {"id": "a", "label": "b", "words": ["x"]}],
        "version": 99,
    }

    answer = put(organization, wrong)

    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert set(problem["errors"]) == {
        "default_action",
        "entities.ANNA",
        "custom.0.pattern",
        "custom.1.words.0",
        "custom.1.label",
        "custom.1.words",
        "custom.1.id",
    }
    assert "without an end" in problem["errors"]["custom.0.pattern"][0]
    assert call(organization.admin_key, "GET", organization.workspace_id).json()["version"] == 1


@pytest.mark.parametrize("document", [[], "a policy", 3])
def test_what_is_no_object_is_refused(organization: Organization, document: Any) -> None:
    assert put(organization, document).status_code == 400


def test_a_costly_rule_is_refused_with_its_reason(organization: Organization) -> None:
    answer = put(organization, {"custom": [{"id": "a", "label": "A", "pattern": r"\w{2,9}"}]})

    assert answer.status_code == 400
    assert "ordinary text" in answer.json()["errors"]["custom.0.pattern"][0]


def test_an_old_version_is_not_overwritten(organization: Organization) -> None:
    old = call(organization.admin_key, "GET", organization.workspace_id).headers["ETag"]
    put(organization, {"default_action": "mask"}, old)

    assert put(organization, {"default_action": "flag"}, old).status_code == 412
    assert call(organization.admin_key, "PUT", organization.workspace_id, {}).status_code == 428


def test_who_may_read_and_who_may_decide(organization: Organization) -> None:
    workspace = organization.workspace
    reader = make_key(organization, workspace, scopes={Scope.REDACTION_READ}).token
    writer = make_key(organization, workspace, scopes={Scope.REDACTION_WRITE}).token
    stranger = make_organization()

    assert call(reader, "GET", organization.workspace_id).status_code == 200
    assert call(reader, "PUT", organization.workspace_id, {}, **{"If-Match": "*"}).status_code == 403
    assert call(writer, "GET", organization.workspace_id).status_code == 403
    assert call(writer, "PUT", organization.workspace_id, {}, **{"If-Match": "*"}).status_code == 200
    assert call(stranger.admin_key, "GET", organization.workspace_id).status_code == 404
    assert call(stranger.admin_key, "PUT", organization.workspace_id, {}, **{"If-Match": "*"}).status_code == 404


def test_versions_belong_to_their_workspace_and_are_never_changed(organization: Organization) -> None:
    put(organization, POLICY)
    stranger = make_organization()

    with workspace_scope(stranger.workspace):
        assert RedactionPolicyVersion.objects.count() == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            _insert(organization.workspace.id, organization.id)
    with workspace_scope(organization.workspace):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("update gateway_redaction_policy set version = 9")
        with connection.cursor() as cursor:
            cursor.execute("delete from gateway_redaction_policy")
            assert cursor.rowcount == 0, "but of a workspace that is erased"


def _insert(workspace: UUID, organization: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into gateway_redaction_policy values (%s, 7, %s, '{}', '', now())", [workspace, organization]
        )


# The dry run ---------------------------------------------------------------------------------------------------------


def dry_run(token: str, organization: Organization, text: str, **more: Any) -> Any:
    return call(token, "POST", organization.workspace_id, {"text": text, **more}, "redactions")


TEXT = "Anna Schmidt of Aurora, anna@example.org, joe@annaschmidt.example, DE89 3704 0044 0532 0130 00"


def test_a_dry_run_asks_the_policy_in_force_and_records_no_label(organization: Organization) -> None:
    put(organization, POLICY)

    answer = dry_run(organization.admin_key, organization, TEXT)

    assert [(one["type"], one["action"]) for one in answer.json()["findings"]] == [
        ("DENIED", "mask"),
        ("ANNAS_PROJECT", "mask"),
        ("EMAIL", "reversible"),
        ("IBAN", "block"),
    ]
    assert answer.json()["policy"] == 2
    entry, text = last_entry(organization)
    assert entry["after"] == {"redactions": {"CUSTOM": 1, "DENIED": 1, "EMAIL": 1, "IBAN": 1}}
    assert "ANNA" not in text


def test_a_policy_can_be_tried_before_it_is_decided(organization: Organization) -> None:
    tried = dry_run(organization.admin_key, organization, TEXT, policy=POLICY)
    wrong = dry_run(organization.admin_key, organization, TEXT, policy={"on_error": "never"})
    reader = make_key(organization, organization.workspace, scopes={Scope.REDACTION_READ}).token

    assert len(tried.json()["findings"]) == 4
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["on_error"])
    assert dry_run(reader, organization, TEXT, policy=POLICY).status_code == 403
    assert dry_run(reader, organization, TEXT).status_code == 200
    with workspace_scope(organization.workspace):
        assert RedactionPolicyVersion.objects.count() == 0


def test_it_is_in_the_schema(db: None) -> None:
    schema = Client().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()

    described = schema["paths"]["/api/workspaces/{workspace_id}/redaction-policy"]
    assert set(described) == {"get", "put"}
    assert "custom" in schema["components"]["schemas"]["RedactionPolicy"]["properties"]
