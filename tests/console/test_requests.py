from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from tests.console.conftest import Browser
from tests.factories import Organization, make_member, make_organization
from tests.retention.conftest import committed  # noqa: F401  # a fixture
from tests.retention.requests import serve
from workspaces.permissions import OrganizationRole, WorkspaceRole


def make_record(workspace: WorkspaceRef, number: UUID | None = None, **given: Any) -> str:
    """The record of a request that has ended. Returns its public id."""
    figures: dict[str, Any] = {
        "kind": "chat",
        "model": "demo-chat",
        "status": "completed",
        "http_status": 200,
        "redactions": {"IBAN": 1, "EMAIL": 2},
        "duration_ms": 12,
    }
    row = RequestRecord(
        id=number or uuid7(),
        workspace_id=workspace.id,
        organization_id=workspace.organization,
        key_id=uuid4(),
        lane="standard",
        streamed=False,
        subject=b"pseudonym",
        finish_reason="stop",
        prompt_tokens=5,
        completion_tokens=7,
        started_at=datetime(2026, 11, 21, 11, 25, 22, tzinfo=UTC),
        **figures | given,
    )
    with workspace_scope(workspace):
        row.save(force_insert=True)
    return tagged(Tag.REQUEST, config().cell, row.id)


def rows(text: str) -> list[str]:
    """What each row of the open page says, in words."""
    body = text.split("<tbody>")[-1].split("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def test_each_request_is_shown_with_its_figures(signed_in: Browser, organization: Organization) -> None:
    workspace = organization.workspace
    failed = {"status": "failed", "http_status": 503, "redactions": {}, "duration_ms": 61_250}
    first, second = sorted((uuid7(), uuid7()))
    older = make_record(workspace, first)
    newer = make_record(workspace, second, kind="embedding", model="<b>embed", **failed)

    signed_in.get(f"/workspaces/{organization.workspace_id}/requests")

    when = "21 Nov 2026 11:25:22"
    assert rows(signed_in.page.content.decode()) == [
        f"{when} embedding &lt;b&gt;embed {newer} failed · 503 5 in, 7 out – 61.2 s Erase… {newer}",
        f"{when} chat demo-chat {older} completed 5 in, 7 out EMAIL 2 IBAN 1 12 ms Erase… {older}",
    ]
    assert "pseudonym" not in signed_in.text


def test_requests_are_read_page_by_page(signed_in: Browser, organization: Organization) -> None:
    # In the order of their ids: two of one millisecond are in any.
    made = [make_record(organization.workspace, number) for number in sorted(uuid7() for _ in range(52))]
    path = f"/workspaces/{organization.workspace_id}/requests"

    signed_in.get(path)
    first = signed_in.text
    older = re.search(r'hx-get="([^"]+)"', first)
    assert older is not None
    partial = signed_in.get(older[1], **{"HX-Request": "true"}).content.decode()
    whole = signed_in.get(older[1]).content.decode()
    beyond = signed_in.get(f"{path}?before={made[0]}").content.decode()

    assert older[1] == f"{path}?before={made[2]}"
    assert len(rows(first)) == 50
    assert "<html" not in partial
    assert "hx-get" not in partial
    assert rows(partial) == rows(whole)
    assert [made[1] in rows(whole)[0], made[0] in rows(whole)[1], len(rows(whole))] == [True, True, 2]
    assert "Requests, continued" in whole
    assert "No older requests." in beyond
    assert signed_in.get(f"{path}?before=yesterday").status_code == 404


def test_another_organizations_requests_are_in_no_list(signed_in: Browser, organization: Organization) -> None:
    stranger = make_organization()
    theirs = make_record(stranger.workspace)
    path = f"/workspaces/{organization.workspace_id}/requests"

    listed = signed_in.get(path).content.decode()
    below = signed_in.get(f"{path}?before={tagged(Tag.REQUEST, config().cell, uuid7())}").content.decode()
    opened = signed_in.get(f"/workspaces/{stranger.workspace_id}/requests")

    assert theirs not in listed + below
    assert opened.status_code == 404
    assert theirs not in opened.content.decode()


@pytest.mark.parametrize(
    ("role", "status", "erases"),
    [
        (WorkspaceRole.ADMIN, 200, True),
        (WorkspaceRole.DPO, 200, True),
        (WorkspaceRole.AUDITOR, 200, False),
        (WorkspaceRole.DEVELOPER, 403, False),
        (WorkspaceRole.VIEWER, 403, False),
    ],
)
def test_who_may_read_requests_and_who_may_erase_them(
    browser: Browser, organization: Organization, role: WorkspaceRole, status: int, erases: bool
) -> None:
    number = make_record(organization.workspace)
    browser.sign_in(make_member(organization, workspace=organization.workspace, workspace_role=role))
    path = f"/workspaces/{organization.workspace_id}/requests"

    page = browser.get(path)
    text = page.content.decode()
    partial = browser.get(path, **{"HX-Request": "true"}).content.decode()

    assert page.status_code == status
    assert (number in text) is (number in partial) is (status == 200)
    assert ("Erase…" in text) is ("Erase…" in partial) is erases


@pytest.mark.usefixtures("committed")
def test_a_request_of_the_list_is_erased() -> None:
    organization = make_organization()
    request = tagged(Tag.REQUEST, config().cell, serve(organization.workspace))
    browser = Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))

    browser.get(f"/workspaces/{organization.workspace_id}/requests")
    link = re.search(r'href="([^"]+\?request=[^"]+)"', browser.text)
    assert link is not None
    browser.get(link[1])
    field = re.search(r'name="request" value="([^"]+)"', browser.text)
    assert field is not None
    asked = browser.send(link[1].partition("?")[0], request=field[1])
    shown = browser.get(asked["Location"]).content.decode()

    assert field[1] == request
    assert asked.status_code == 302
    assert f"Erasure of <code>{request}</code>" in shown


def test_without_requests_the_page_says_how_to_send_one(browser: Browser, organization: Organization) -> None:
    auditor = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.AUDITOR)
    path = f"/workspaces/{organization.workspace_id}"
    browser.sign_in(auditor)
    asks = browser.get(f"{path}/requests").content.decode()
    browser = Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))
    issues = browser.get(f"{path}/requests").content.decode()

    assert f'<a href="{path}/keys">Issue a key</a>' in issues
    assert "/v1/chat/completions" in issues
    assert "Ask whoever issues keys" in asks
    assert f'href="{path}/keys"' not in asks
