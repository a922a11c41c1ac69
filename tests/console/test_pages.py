from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.urls import get_resolver

from cell.access import Scope
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.tenancy import workspace_scope
from console import urls
from tests.console.conftest import Browser
from tests.factories import Organization, Person, make_key, make_member, make_organization
from workspaces.models import Workspace
from workspaces.permissions import WorkspaceRole
from workspaces.selectors import serving_get
from workspaces.services import key_revoke, workspace_update

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])


@dataclass(frozen=True, slots=True)
class Ids:
    workspace_id: str
    key_id: str
    member_id: str
    erasure_id: str
    entry_id: str
    hold_id: str
    schedule_id: str = f"sch_eude1_{'0' * 32}"
    delivery_id: str = f"dlv_eude1_{'0' * 32}"
    key: str = "0" * 8
    secret: str = "nothing"
    version: str = "1"


def _ids(organization: Organization) -> Ids:
    person = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.VIEWER)
    key = make_key(organization, organization.workspace).key.id
    return Ids(
        organization.workspace_id,
        key,
        _tagged(Tag.MEMBER, person.id),
        _tagged(Tag.ERASURE, uuid7()),
        _tagged(Tag.ENTRY, uuid7()),
        _tagged(Tag.HOLD, uuid7()),
    )


def _tagged(tag: Tag, number: Any) -> str:
    return tagged(tag, config().cell, number)


def _paths(ids: Ids) -> dict[str, str]:
    """Every page of the console, by name."""
    return {
        pattern.name: "/" + re.sub(r"<(?:str|int):(\w+)>", lambda match: getattr(ids, match[1]), str(pattern.pattern))
        for pattern in urls.urlpatterns
    }


OPEN = {"sign-in", "sign-in-code", "enrol"}
POST_ONLY = {
    "sign-out",
    "member-remove",
    "organization-key-revoke",
    "region-lock",
    "state",
    "serving",
    "holds",
    "hold-release",
    "redaction-document",
    "redaction-trial",
    "key-revoke",
    "membership-remove",
    "schedule-retry",
    "schedule-end",
    "organization-schedule-retry",
    "organization-schedule-end",
    "witness-drop",
    "agreement-accept",
    "subprocessors-acknowledge",
}
OF_SOMETHING = {"erasure", "certificate", "proof", "delivery-download"}
"""Pages of what is not there in these tests."""
IN_WORKSPACE = {
    *("workspace", "keys", "members", "audit", "schedules", "requests", "usage", "retention", "erasures"),
    *("records", "subject-export", "witnesses"),
    *OF_SOMETHING,
}


def test_every_page_asks_a_stranger_to_sign_in(browser: Browser, organization: Organization) -> None:
    paths = _paths(_ids(organization))
    for name, path in paths.items():
        if name in OPEN:
            continue
        answer = browser.get(path)
        assert answer.status_code == 302, name
        assert answer["Location"].startswith("/sign-in"), name


def test_every_change_takes_a_form_of_ours(signed_in: Browser, organization: Organization) -> None:
    for name, path in _paths(_ids(organization)).items():
        assert signed_in.client.post(path, {}).status_code == 403, name


def test_every_page_opens_for_an_owner(signed_in: Browser, organization: Organization) -> None:
    for name, path in _paths(_ids(organization)).items():
        expected = 405 if name in POST_ONLY else 302 if name in OPEN | {"home"} else 200
        if name in OF_SOMETHING | {"enrol"}:
            expected = 404
        assert signed_in.get(path).status_code == expected, name


def test_what_is_another_organizations_is_not_there(signed_in: Browser, organization: Organization) -> None:
    stranger = make_organization()
    ids = _ids(stranger)
    theirs, nowhere = (
        _paths(ids),
        _paths(Ids("ws_nonsense", "key_nonsense", "mem_nonsense", "ers_nonsense", "ent_nonsense", "hold_nonsense")),
    )
    signed_in.get("/workspaces")

    for name in sorted(IN_WORKSPACE):
        one, other = signed_in.get(theirs[name]), signed_in.get(nowhere[name])
        assert (one.status_code, other.status_code) == (404, 404), name
        assert one.content == other.content, name
    for name in sorted(POST_ONLY - {"sign-out"}):
        signed_in.get("/workspaces")
        assert signed_in.send(theirs[name], version="1", lock="1").status_code == 404, name


def test_a_role_opens_its_pages_and_no_others(browser: Browser, organization: Organization) -> None:
    auditor = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.AUDITOR)
    browser.sign_in(auditor)
    paths = _paths(_ids(organization))

    listed = browser.get("/workspaces").content.decode()
    statuses = {name: browser.get(paths[name]).status_code for name in IN_WORKSPACE - OF_SOMETHING}

    assert paths["audit"] in listed
    opened = {name for name, status in statuses.items() if status == 200}
    assert opened == {"audit", "requests", "schedules", "witnesses"}
    assert set(statuses.values()) == {200, 403}
    assert {
        browser.get(paths[name]).status_code for name in ("organization-members", "organization-keys", "workspace-new")
    } == {403}
    assert 'href="/organization/members"' not in browser.get("/workspaces").content.decode()


def test_another_cells_workspace_is_in_another_console(signed_in: Browser) -> None:
    answer = signed_in.get(f"/workspaces/ws_usea1_{'0' * 32}")

    assert answer.status_code == 421
    assert "usea1" in signed_in.text
    assert 'href="https://console.us-east.example"' in signed_in.text
    assert "Location" not in answer


def test_the_session_reads_the_api_and_changes_nothing_without_a_token(
    signed_in: Browser, organization: Organization
) -> None:
    path = f"/api/workspaces/{organization.workspace_id}"
    signed_in.get("/workspaces")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', signed_in.text)
    assert token is not None

    def patch(**headers: str) -> int:
        body, headers = {"name": "New"}, {"If-Match": "*"} | headers
        return signed_in.client.patch(path, body, content_type="application/json", headers=headers).status_code

    assert signed_in.get(path).status_code == 200
    assert patch() == 403
    assert patch(**{"X-CSRFToken": token[1]}) == 200


def test_no_page_runs_or_loads_anything_of_others(signed_in: Browser, organization: Organization) -> None:
    for name, path in _paths(_ids(organization)).items():
        if name in POST_ONLY:
            continue
        answer = signed_in.get(path)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy, name
        assert "unsafe" not in policy, name
        assert answer["X-Frame-Options"] == "DENY", name
        assert answer["Cache-Control"] == "no-store", name
        text = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|javascript:", text), name
        for source in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
            assert finders.find(source.removeprefix("/static/")), source
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), name


def test_every_field_has_a_label_and_every_page_a_heading(signed_in: Browser, organization: Organization) -> None:
    for name, path in _paths(_ids(organization)).items():
        if name in POST_ONLY | OPEN | OF_SOMETHING | {"home"}:
            continue
        text = signed_in.get(path).content.decode()
        assert text.count("<h1") == 1, name
        fields = re.findall(r'<(?:input|select)(?![^>]*type="hidden")[^>]*\bid="([^"]+)"', text)
        labels = re.findall(r'<label[^>]*\bfor="([^"]+)"', text)
        assert set(fields) <= set(labels), name
        assert len(fields) == len(set(fields)), name


def test_every_page_of_the_project_is_reachable_by_name() -> None:
    names = {key for key in get_resolver().reverse_dict if isinstance(key, str)}

    assert {pattern.name for pattern in urls.urlpatterns} <= names


def test_a_workspace_is_made_where_the_console_is(signed_in: Browser, organization: Organization) -> None:
    signed_in.get("/workspaces/new")
    shown = signed_in.text
    made = signed_in.send("/workspaces/new", name="Claims", environment="staging", region_locked="on", region="us-1")
    signed_in.get(made["Location"])

    assert config().region in shown
    assert 'name="region"' not in shown
    assert made.status_code == 302
    assert "The region is locked." in signed_in.text
    assert config().region in signed_in.text


def test_a_region_is_locked_and_unlocked(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}"

    def locked(lock: str) -> bool:
        signed_in.get(path)
        version = re.search(r'name="version" value="(\d+)"><input type="hidden" name="lock"', signed_in.text)
        assert version is not None
        assert signed_in.send(f"{path}/region-lock", lock=lock, version=version[1]).status_code == 302
        with workspace_scope(organization.workspace):
            return Workspace.objects.get(id=organization.workspace.id).region_locked

    assert locked("1")
    assert not locked("0")


def test_nobody_overwrites_what_they_did_not_see(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}"
    signed_in.get(path)
    workspace_update(actor=organization.owner, workspace=organization.workspace, changes={"name": "Theirs"})

    stale = signed_in.send(path, name="Mine", version="1")
    signed_in.get(path)
    fresh = signed_in.send(path, name="Mine", version="2")

    assert stale.status_code == 412
    assert fresh.status_code == 302


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 30])
def test_a_form_without_its_version_is_refused(signed_in: Browser, organization: Organization, version: str) -> None:
    path = f"/workspaces/{organization.workspace_id}"
    signed_in.get(path)

    assert signed_in.send(f"{path}/region-lock", lock="1", version=version).status_code == 400


LIMITS = {
    "requests_per_minute": "90",
    "tokens_per_minute": "5000",
    "concurrency": "7",
    "realtime_reserve_percent": "20",
    "queued_tokens": "",
    "lanes": ["realtime", "batch"],
    "preset": "",
    "cache_scope": "key",
}


def test_serving_is_decided_on_the_page_and_the_weight_by_the_organization(
    browser: Browser, organization: Organization, owner: Person
) -> None:
    admin = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.ADMIN)
    path = f"/workspaces/{organization.workspace_id}"
    browser.sign_in(admin)
    browser.get(path)
    offered = browser.text
    done = browser.send(f"{path}/serving", **LIMITS, weight_percent="300", version="1")
    stale = browser.send(f"{path}/serving", **LIMITS, version="1")
    wrong = browser.send(f"{path}/serving", **(LIMITS | {"concurrency": "0", "lanes": []}), version="2")
    decided = serving_get(organization.workspace)
    other = Browser()
    other.sign_in(owner)
    other.get(path)
    weighed = other.send(f"{path}/serving", **LIMITS, weight_percent="300", version="2")

    assert 'name="weight_percent"' not in offered
    assert (done.status_code, stale.status_code, wrong.status_code, weighed.status_code) == (302, 412, 422, 302)
    assert (decided.concurrency, decided.lanes, decided.cache_scope) == (7, ("realtime", "batch"), "key")
    assert (decided.preset, decided.queued_tokens, decided.weight_percent) == (None, None, 100)
    assert serving_get(organization.workspace).weight_percent == 300


def test_a_key_is_shown_once_and_revoked(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}/keys"
    signed_in.get(path)
    made = signed_in.send(
        path, name="Claims app", scopes=["inference:chat"], days="30", cidrs="10.0.0.0/8, 192.0.2.0/24"
    )
    token = signed_in.text.split('<code id="token">')[1].split("</code>")[0]
    signed_in.get(path)
    again = signed_in.text
    key_id = re.findall(r"/keys/(key_\w+)/revoke", again)[0]
    revoked = signed_in.send(f"{path}/{key_id}/revoke")
    signed_in.get(path)

    assert made.status_code == 201
    assert token.startswith(f"sk-{config().cell}-")
    assert token not in again
    assert "Claims app" in again
    assert "10.0.0.0/8, 192.0.2.0/24" in again
    assert revoked.status_code == 302
    assert "revoked" in signed_in.text


def test_a_key_offers_only_what_its_issuer_may(browser: Browser, organization: Organization) -> None:
    developer = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.DEVELOPER)
    browser.sign_in(developer)
    path = f"/workspaces/{organization.workspace_id}/keys"
    browser.get(path)

    assert f'value="{Scope.INFERENCE_CHAT}"' in browser.text
    assert f'value="{Scope.ERASURES_WRITE}"' not in browser.text
    assert browser.send(path, name="More", scopes=["erasures:write"], days="30").status_code == 422


def test_names_are_text_and_never_markup(signed_in: Browser, organization: Organization) -> None:
    name = "<script>alert(1)</script>"
    workspace_update(actor=organization.owner, workspace=organization.workspace, changes={"name": name})

    for path in ("/workspaces", f"/workspaces/{organization.workspace_id}"):
        raw = signed_in.get(path).content.decode()
        assert name not in raw
        assert "&lt;script&gt;" in raw


def test_the_log_is_read_page_by_page(signed_in: Browser, organization: Organization, owner: Person) -> None:
    keys = [make_key(organization, organization.workspace).key.id for _ in range(30)]
    for key in keys:
        key_revoke(actor=owner.actor, organization=organization.id, workspace=organization.workspace, key=key)
    path = f"/workspaces/{organization.workspace_id}/audit"

    signed_in.get(path)
    first = signed_in.text
    older = re.search(r'hx-get="([^"]+)"', first)
    assert older is not None
    rows = signed_in.get(older[1], **{"HX-Request": "true"})
    none = signed_in.get(f"{path}?kind=inference")

    assert first.count("not yet") == 50
    # On a phone the line break is not shown.
    assert re.search(r"\d{4} <br>\d\d:\d\d:\d\d</time>", first)
    assert "A member" in first
    assert "state active → <b>revoked</b>" in first
    assert rows.status_code == 200
    assert "<html" not in signed_in.client.get(older[1], headers={"HX-Request": "true"}).content.decode()
    assert "workspace.created" in rows.content.decode()
    assert "No entries of this kind." in none.content.decode()


@pytest.mark.django_db(databases=["default", "keystore"])
def test_an_unknown_request_cannot_be_erased(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}/erasures"
    signed_in.get(path)

    unknown = signed_in.send(path, request=_tagged(Tag.REQUEST, uuid7()))
    said = signed_in.text
    nonsense = signed_in.send(path, request="everything")

    assert (unknown.status_code, nonsense.status_code) == (404, 404)
    assert "This workspace has no such request." in said


def test_a_page_that_is_not_there_says_so(signed_in: Browser) -> None:
    answer = signed_in.get("/nothing/here")

    assert answer.status_code == 404
    assert "There is no page at this address." in signed_in.text
