from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from audit.models import AuditEntry
from cell.config import config
from cell.tenancy import workspace_scope
from inference.gateway.redaction_policies import redaction_policy_get, redaction_policy_set
from inference.redaction import TYPES
from tests.console.conftest import Browser
from tests.factories import Organization, make_member, make_organization
from tests.inference.gateway.scripted import CHAT, TAGGER, listening
from workspaces.permissions import OrganizationRole, WorkspaceRole

CHOICES = dict.fromkeys(TYPES, "") | {"default_action": "reversible", "on_error": "block", "output_scan": "off"}


def path(organization: Organization, part: str = "") -> str:
    return f"/workspaces/{organization.workspace_id}/redaction{part}"


def decide(organization: Organization, **document: Any) -> None:
    version = redaction_policy_get(organization.workspace).version
    redaction_policy_set(
        actor=organization.owner, workspace=organization.workspace, document=document, expected_version=version
    )


def chosen(text: str, name: str) -> str:
    """The option that is chosen in a field."""
    field = re.search(rf'<select name="{name}".*?</select>', text, re.DOTALL)
    assert field is not None
    found = re.search(r'value="(\w*)" selected', field[0])
    return "" if found is None else found[1]


def test_the_choices_are_shown_and_saved(signed_in: Browser, organization: Organization) -> None:
    decide(
        organization,
        entities={"EMAIL": {"action": "block", "min_score": 0.5}, "IP": {"action": "flag"}},
        custom=[{"id": "a", "label": "PROJECT", "words": ["Aurora"]}],
    )

    signed_in.get(path(organization))
    text = signed_in.text
    answer = signed_in.send(path(organization), version=2, **CHOICES | {"EMAIL": "hash", "CARD": "block"})

    assert (chosen(text, "EMAIL"), chosen(text, "IP"), chosen(text, "IBAN")) == ("block", "flag", "")
    assert "Version 2, with 1 rule of its own" in text
    assert answer.status_code == 302
    policy = redaction_policy_get(organization.workspace)
    assert {kind: entity.action.value for kind, entity in policy.entities.items()} == {"EMAIL": "hash", "CARD": "block"}
    assert policy.entities["EMAIL"].min_score == 0.5
    assert policy.custom[0].words == ("Aurora",)


def test_nobody_overwrites_what_they_did_not_see(signed_in: Browser, organization: Organization) -> None:
    signed_in.get(path(organization))
    decide(organization, default_action="mask")

    answer = signed_in.send(path(organization), version=1, **CHOICES)

    assert answer.status_code == 412
    assert "changed since you read it" in signed_in.text
    assert redaction_policy_get(organization.workspace).default_action == "mask"


def test_the_whole_policy_is_edited_as_json(signed_in: Browser, organization: Organization) -> None:
    signed_in.get(path(organization))
    document = {"default_action": "mask", "deny": {"values": ["Nordwind"]}}
    saved = signed_in.send(path(organization, "/document"), version=1, document=json.dumps(document))
    signed_in.get(path(organization))
    shown = re.search(r'<textarea name="document".*?>\n?(.*?)</textarea>', signed_in.page.content.decode(), re.DOTALL)

    assert saved.status_code == 302
    assert shown is not None
    assert json.loads(html.unescape(shown[1])) == {"version": 2, "entities": {}, **document}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "This is not JSON."),
        ('{"custom": [{"id": "a", "label": "A", "pattern": "a+"}]}', "custom.0.pattern: goes on without an end"),
        ('{"on_error": "never", "colour": 1}', "on_error: must be one of block, allow"),
        ("[]", "policy: must be an object"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_where_it_is(
    signed_in: Browser, organization: Organization, document: str, says: str
) -> None:
    signed_in.get(path(organization))

    answer = signed_in.send(path(organization, "/document"), version=1, document=document)

    assert answer.status_code in (400, 422)
    assert says in signed_in.text
    assert document in signed_in.text
    assert redaction_policy_get(organization.workspace).version == 1


def test_the_playground_shows_what_is_found_and_keeps_nothing(signed_in: Browser, organization: Organization) -> None:
    decide(organization, entities={"IBAN": {"action": "block"}})
    text = "<b>bold</b>: anna@example.org\r\nDE89 3704 0044 0532 0130 00 & more"
    signed_in.get(path(organization))

    answer = signed_in.send(path(organization, "/trial"), text=text)
    raw = answer.content.decode()

    assert answer.status_code == 200
    marks = re.findall(r'<mark class="(\w+)" title="(.*?)">(.*?)<span class="kind">(\w+)</span></mark>', raw)
    assert [(mark[0], mark[2], mark[3]) for mark in marks] == [
        ("reversible", "anna@example.org", "EMAIL"),
        ("block", "DE89 3704 0044 0532 0130 00", "IBAN"),
    ]
    assert "&lt;b&gt;bold&lt;/b&gt;: <mark" in raw
    assert "<b>bold" not in raw
    assert "2 findings, asked of version 2" in raw
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    with workspace_scope(organization.workspace):
        entry = bytes(AuditEntry.objects.order_by("-id")[0].body).decode()
    assert json.loads(entry)["after"] == {"redactions": {"EMAIL": 1, "IBAN": 1}}
    assert "anna" not in entry.lower()


def test_a_policy_can_be_tried_in_the_playground(signed_in: Browser, organization: Organization) -> None:
    signed_in.get(path(organization))
    document = {"custom": [{"id": "a", "label": "PROJECT", "words": ["Aurora"]}]}

    tried = signed_in.send(path(organization, "/trial"), text="Aurora", policy=json.dumps(document)).content.decode()
    signed_in.get(path(organization))
    wrong = signed_in.send(path(organization, "/trial"), text="Aurora", policy='{"on_error": "never"}')

    assert '<span class="kind">PROJECT</span>' in tried
    assert wrong.status_code == 400
    assert "on_error: must be one of block, allow" in signed_in.text
    assert redaction_policy_get(organization.workspace).version == 1


@pytest.mark.parametrize(
    ("role", "status", "decides"),
    [
        (WorkspaceRole.ADMIN, 200, True),
        (WorkspaceRole.DEVELOPER, 200, False),
        (WorkspaceRole.VIEWER, 200, False),
        (WorkspaceRole.AUDITOR, 403, False),
        (OrganizationRole.SECURITY_ADMIN, 200, True),
        (OrganizationRole.MEMBER, 404, False),
    ],
)
def test_who_sees_and_who_decides(
    browser: Browser,
    organization: Organization,
    role: WorkspaceRole | OrganizationRole,
    status: int,
    decides: bool,
) -> None:
    if isinstance(role, OrganizationRole):
        person = make_member(organization, role)
    else:
        person = make_member(organization, workspace=organization.workspace, workspace_role=role)
    browser.sign_in(person)

    page = browser.get(path(organization))

    assert page.status_code == status
    assert ('name="document"' in browser.text) is decides
    assert ('name="policy"' in browser.text) is decides
    if status == 200:
        assert browser.send(path(organization, "/trial"), text="Hello").status_code == 200
        forbidden = browser.send(path(organization, "/document"), version=1, document="{}").status_code
        assert forbidden == (302 if decides else 403)
    assert browser.get(path(make_organization())).status_code == 404


def test_a_model_that_looks_for_names_is_chosen_by_its_name(signed_in: Browser, organization: Organization) -> None:
    signed_in.get(path(organization))
    config().engine_socket.unlink(missing_ok=True)

    away = signed_in.send(path(organization), version=1, **CHOICES | {"ner_model": TAGGER})
    said_away = signed_in.text
    with listening(config().engine_socket):
        wrong = signed_in.send(path(organization), version=1, **CHOICES | {"ner_model": CHAT})
        said_wrong = signed_in.text
        saved = signed_in.send(path(organization), version=1, **CHOICES | {"ner_model": TAGGER})
        tried = signed_in.send(path(organization, "/trial"), text="gestern kam Huber").content.decode()
    silent = signed_in.send(path(organization, "/trial"), text="gestern kam Huber")
    said_silent = signed_in.text
    shown = signed_in.get(path(organization)).content.decode()
    with listening(config().engine_socket):
        taken_back = signed_in.send(path(organization), version=2, **CHOICES)

    assert (away.status_code, "engine cannot be reached" in said_away) == (503, True)
    assert (wrong.status_code, "ner.model: this model does not recognise names" in said_wrong) == (400, True)
    assert saved.status_code == 302
    assert f"asked of version 2 with patterns, cues, ner={TAGGER}" in tried
    assert re.search(r'title="NAME, score 1.00, reversible, found by ner">Huber<', tried)
    assert (silent.status_code, "layer ner" in said_silent) == (503, True)
    assert f'value="{TAGGER}"' in shown
    assert taken_back.status_code == 302
    assert redaction_policy_get(organization.workspace).ner is None
