from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.models import ExportSchedule
from cell import jobs
from cell.models import Job
from cell.tenancy import organization_scope, workspace_scope
from tests.audit.destinations.batches import HERE
from tests.console.conftest import Browser
from tests.factories import Organization, make_member, make_organization
from tests.peers.certificates import Authority
from tests.peers.receiver import Receiver, Said, running
from tests.retention.conftest import committed  # noqa: F401  # a fixture
from workspaces.permissions import OrganizationRole, WorkspaceRole

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def siem(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr("audit.described.reach", lambda: HERE)
    with running(Receiver(authority.server("localhost"), tmp_path)) as found:
        yield found


def _given(siem: Receiver, authority: Authority, **fields: str) -> dict[str, Any]:
    return {
        "kind": "webhook",
        "address": siem.url,
        "legal_area": "eu",
        "secret": SECRET,
        "ca": authority.certificate,
        "format": "ocsf",
        "interval_hours": "24",
        **fields,
    }


def _run(organization: Organization) -> None:
    with workspace_scope(organization.workspace):
        row = ExportSchedule.objects.get(workspace_id=organization.workspace.id)
        job = Job.objects.get(effect_key=f"delivery/{row.id}/{row.runs}").id
    jobs.run(job)


def _follow(organization: Organization) -> None:
    with organization_scope(organization.id):
        rows = Job.objects.filter(organization_id=organization.id, kind="audit.follow", state="queued")
        rows.update(run_after="2020-01-01T00:00:00Z")
        waiting = list(rows.values_list("id", flat=True))
    for job in waiting:
        jobs.run(job)


def test_the_log_is_sent_shown_mended_and_turned_off(siem: Receiver, authority: Authority) -> None:
    organization, browser = make_organization(), Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))
    path = f"/workspaces/{organization.workspace_id}/schedules"

    browser.get(path)
    assert "The log is sent nowhere yet" in browser.text
    assert browser.send(path, **_given(siem, authority)).status_code == 302
    siem.said = Said(401)
    _run(organization)
    stopped = browser.get(path).content.decode()
    assert "stopped: refused" in stopped and siem.url in stopped and SECRET not in stopped
    schedule = stopped.split('/retry"')[0].rpartition("/")[2]
    siem.said = Said(200)
    assert browser.send(f"{path}/{schedule}/retry", version="1").status_code == 302
    _run(organization)

    shown = browser.get(path).content.decode()
    assert "acknowledged: accepted" in shown and "every 24 hours" in shown
    download = shown.split(f'href="{path}/{schedule}/deliveries/')[1].partition('"')[0]
    taken = browser.client.get(f"{path}/{schedule}/deliveries/{download}")
    assert taken["Content-Type"] == "application/x-tar" and len(b"".join(taken.streaming_content)) > 1000
    assert browser.send(f"{path}/{schedule}/end").status_code == 302
    assert ">ending" in browser.get(path).content.decode()
    _run(organization)
    assert ">ended" in browser.get(path).content.decode()
    assert b"export-schedule.ended" in siem.heard[-1].body


def test_what_is_wrong_with_a_destination_is_said_and_the_secret_is_not_shown_again(
    siem: Receiver, authority: Authority
) -> None:
    organization, browser = make_organization(), Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))
    path = f"/workspaces/{organization.workspace_id}/schedules"
    browser.get(path)

    wrong = {
        "has to be https://": {"address": "http://siem.example/"},
        "outside the cell's legal area": {"legal_area": "us"},
        "signing secret is whsec_": {"secret": "short"},
        "certificate and its key": {"kind": "syslog", "address": "siem.example:6514"},
        "a host and a port": {"kind": "syslog", "address": "siem.example:none"},
        "bucket has an address": {"kind": "s3", "access_key": "AKID", "region_name": "eu-de", "bucket": "No"},
    }
    for said, fields in wrong.items():
        refused = browser.send(path, **_given(siem, authority, **fields))
        assert refused.status_code in (400, 422), said
        assert said in browser.text
        assert SECRET not in browser.text


def test_a_bucket_is_chosen_and_shown_with_its_place_and_without_its_keys(siem: Receiver, authority: Authority) -> None:
    organization, browser = make_organization(), Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))
    path = f"/workspaces/{organization.workspace_id}/schedules"
    browser.get(path)
    bucket = {"bucket": "audit-of-ours", "key_prefix": "siem/", "region_name": "eu-de", "access_key": "AKIDEXAMPLE"}

    assert browser.send(path, **_given(siem, authority, kind="s3", **bucket)).status_code == 302

    shown = browser.get(path).content.decode()
    assert f"{siem.url}/audit-of-ours/siem/" in shown and "S3 bucket" in shown
    assert SECRET not in shown and "AKIDEXAMPLE" not in shown


def test_the_organization_sends_all_logs_and_its_workspaces_see_that(siem: Receiver, authority: Authority) -> None:
    organization, browser = make_organization(), Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))
    here, path = f"/workspaces/{organization.workspace_id}/schedules", "/organization/schedules"

    browser.get(path)
    assert "nowhere yet" in browser.text
    refused = browser.send(path, **_given(siem, authority, secret="short"))
    assert refused.status_code == 400 and "signing secret is whsec_" in browser.text
    assert browser.send(path, **_given(siem, authority)).status_code == 302
    _follow(organization)
    siem.said = Said(401)
    _run(organization)
    stopped = browser.get(path).content.decode()
    assert "1 stopped" in stopped and f'href="{here}"' in stopped and siem.url in stopped and SECRET not in stopped
    schedule = stopped.split('/retry"')[0].rpartition("/")[2]

    of_workspace = browser.get(here).content.decode()
    assert f'href="{path}#{schedule}"' in of_workspace and "Turn off…" not in of_workspace
    siem.said = Said(200)
    assert browser.send(f"{path}/{schedule}/retry", version="1").status_code == 302
    _follow(organization)
    _run(organization)
    assert "1 active" in browser.get(path).content.decode()
    assert browser.send(f"{path}/{schedule}/end").status_code == 302
    _follow(organization)
    assert "are on their way" in browser.get(path).content.decode()
    _run(organization)
    _follow(organization)
    assert "1 ended" in browser.get(path).content.decode()
    assert b"export-schedule.ended" in siem.heard[-1].body


def test_an_auditor_sees_it_and_a_developer_does_not(siem: Receiver, authority: Authority) -> None:
    organization = make_organization()
    path = f"/workspaces/{organization.workspace_id}/schedules"
    for role, status in ((WorkspaceRole.AUDITOR, 200), (WorkspaceRole.DEVELOPER, 403)):
        browser = Browser()
        browser.sign_in(make_member(organization, workspace=organization.workspace, workspace_role=role))
        assert browser.get(path).status_code == status
