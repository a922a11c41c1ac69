from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace

import pytest

from cell.config import config
from cell.operator_config import AgreementConfig, OperatorConfig
from cell.pseudonyms import subject_key, subject_pseudonym
from tests.console.conftest import Browser
from tests.factories import Organization, make_member
from tests.inference.gateway.records import make_request
from tests.workspaces.test_subprocessors import HOSTING, SUPPORT, publish
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.subprocessors import open_notice

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(
        config(),
        operator=OperatorConfig("Example Cells GmbH", None, "privacy@operator.example", None, None),
        agreement=AgreementConfig("2026-03", "https://operator.example/dpa", None),
    )
    for module in ("inference.gateway.processing_record", "workspaces.agreements", "console.views.data_protection"):
        monkeypatch.setattr(f"{module}.config", lambda: found)


@pytest.mark.usefixtures("stated")
def test_the_record_is_in_words_and_says_what_is_not_stated(signed_in: Browser, organization: Organization) -> None:
    publish(HOSTING, SUPPORT)
    signed_in.get(f"/workspaces/{organization.workspace_id}/records")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", signed_in.text))

    assert "Example Cells GmbH" in text
    assert "Representative not stated" in text
    assert organization.bootstrap.organization.name in text
    assert "Prompts and answers not stored" in text
    assert "Replace, and put back into answers: EMAIL" in text
    assert "row-level security enforced on" in text
    assert HOSTING["name"] in text
    assert f"{SUPPORT['name']} US {SUPPORT['safeguard']}" in text
    assert f'href="/api/workspaces/{organization.workspace_id}/records-of-processing" download' in signed_in.text


def test_the_record_prints_without_the_frame() -> None:
    from django.contrib.staticfiles import finders

    found = finders.find("console/console.css")
    style = open(found).read() if isinstance(found, str) else ""  # noqa: SIM115
    printed = style[style.index("@page") :]

    assert "size: A4" in printed
    assert ".top, .tabs, .skip, .notice, form, .confirm, .actions { display: none; }" in printed


def test_whoever_may_not_read_retention_sees_no_record(browser: Browser, organization: Organization) -> None:
    browser.sign_in(make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.AUDITOR))

    assert browser.get(f"/workspaces/{organization.workspace_id}/records").status_code == 403
    assert "/records" not in browser.get(f"/workspaces/{organization.workspace_id}/audit").content.decode()


@pytest.mark.usefixtures("stated")
def test_an_owner_accepts_the_agreement_and_says_how_they_are_reached(
    signed_in: Browser, organization: Organization
) -> None:
    signed_in.get("/organization/data-protection")
    assert "Accept version 2026-03" in signed_in.text

    accepted = signed_in.send("/organization/agreement/accept", version="2026-03")
    signed_in.get("/organization/data-protection")
    saved = signed_in.send("/organization/data-protection", version="1", contact="privacy@controller.example")
    stale = signed_in.send("/organization/data-protection", version="1", contact="other@controller.example")
    signed_in.get("/organization/data-protection")

    assert (accepted.status_code, saved.status_code, stale.status_code) == (302, 302, 412)
    assert "Accept version" not in signed_in.text
    assert "version 2026-03 on" in signed_in.text
    assert 'value="privacy@controller.example"' in signed_in.text
    signed_in.get(f"/workspaces/{organization.workspace_id}/records")
    assert "privacy@controller.example" in signed_in.text
    assert "accepted on" in signed_in.text


def test_a_new_list_is_on_every_page_until_an_owner_takes_note(signed_in: Browser, organization: Organization) -> None:
    publish(HOSTING)
    publish(HOSTING, SUPPORT)
    member = Browser()
    member.sign_in(make_member(organization, OrganizationRole.SECURITY_ADMIN))

    shown = signed_in.get("/workspaces").content.decode()
    member.get("/organization/data-protection")
    refused = member.send("/organization/subprocessors/2/acknowledge")
    signed_in.get("/organization/data-protection")
    button = "We have taken note of version 2"
    offered = button in signed_in.text
    done = signed_in.send("/organization/subprocessors/2/acknowledge")

    assert "version 2 of its sub-processors; objections until" in shown
    assert (offered, button in member.text) == (True, False)
    assert (refused.status_code, done.status_code) == (403, 302)
    assert open_notice(organization.id) is None
    assert "of its sub-processors" not in signed_in.get("/workspaces").content.decode()


def test_a_dpo_takes_the_file_and_the_name_stays_in_the_form(browser: Browser, organization: Organization) -> None:
    workspace, subject = organization.workspace, "customer <4711>"
    make_request(workspace, subject=subject_pseudonym(subject_key(workspace.id), subject))
    browser.sign_in(make_member(organization, workspace=workspace, workspace_role=WorkspaceRole.DPO))
    path = f"/workspaces/{organization.workspace_id}/subject-export"

    linked = path in browser.get(f"/workspaces/{organization.workspace_id}/erasures").content.decode()
    browser.get(path)
    file = browser.send(path, subject=subject)
    browser.get(path)
    empty = browser.send(path, subject="")
    wrong = browser.send(path, subject=subject, before="x")

    assert linked
    assert (file.status_code, empty.status_code, wrong.status_code) == (200, 422, 404)
    assert re.fullmatch(r'attachment; filename="subject-export-\d{8}T\d{6}Z\.zip"', file["Content-Disposition"])
    assert json.loads(zipfile.ZipFile(io.BytesIO(file.content)).read("export.json"))["requests"] == 1
