from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from inference.gateway.models import UsageCount
from inference.gateway.usage import count_usage
from tests.console.conftest import Browser
from tests.console.test_requests import rows
from tests.factories import Organization, make_member, make_organization
from tests.inference.gateway.records import DAY, make_request, today
from workspaces.permissions import OrganizationRole, WorkspaceRole


def path(organization: Organization, query: str = "") -> str:
    return f"/workspaces/{organization.workspace_id}/usage{query}"


def chart(text: str) -> ElementTree.Element:
    found = re.search(r"<svg.*?</svg>", text, re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found[0])


def test_usage_is_shown_as_totals_a_picture_and_tables(signed_in: Browser, organization: Organization) -> None:
    make_request(organization.workspace, today() - DAY, prompt_tokens=500, completion_tokens=500)
    make_request(organization.workspace, prompt_tokens=1000, completion_tokens=3000, duration_ms=5_000_000)
    make_request(organization.workspace, prompt_tokens=0, completion_tokens=0, status="failed", model="<b>embed")
    count_usage()

    page = signed_in.get(path(organization))
    text = signed_in.text
    raw = page.content.decode()

    totals = [" ".join(found.split()) for found in re.findall(r"<dd>(.*?)</dd>", text)]
    assert totals == ["3, of them 1 failed", "1,500", "3,500", "1 h 23 min"]
    now, yesterday = (f"{day.day} {day:%b %Y}" for day in (today(), today() - DAY))
    by_day, by_model = (rows(part) for part in raw.split('aria-labelledby="models"'))
    assert by_day == [f"{now} 2 1 failed 1,000 3,000 1 h 23 min", f"{yesterday} 1 – 500 500 1.5 s"]
    assert by_model == [
        "&lt;b&gt;embed chat, standard 1 1 failed 0 0 1.5 s",
        "demo-chat chat, standard 2 – 1,500 3,500 1 h 23 min",
    ]
    picture = chart(raw)
    title = picture[0]
    assert (picture.get("role"), picture.get("aria-labelledby")) == ("img", title.get("id"))
    assert "at most 4,000" in (title.text or "")
    bars = [[bar.get(name) for name in ("class", "x", "y", "height")] for bar in picture[1:]]
    assert bars == [
        ["prompts", "28.1", "875", "125"],
        ["answers", "28.1", "750", "125"],
        ["prompts", "29.1", "750", "250"],
        ["answers", "29.1", "0", "750"],
    ]
    assert 'aria-current="page">Usage</a>' in raw


@pytest.mark.parametrize(
    ("query", "days", "shown"),
    [("", 30, True), ("?days=7", 7, False), ("?days=90", 90, True), ("?days=-1", 30, True), ("?days=x", 30, True)],
)
def test_the_reader_chooses_how_many_days(
    signed_in: Browser, organization: Organization, query: str, days: int, shown: bool
) -> None:
    make_request(organization.workspace, today() - 7 * DAY)
    UsageCount.objects.update(open_day=today() - 7 * DAY)
    count_usage()

    page = signed_in.get(path(organization, query))

    assert page.status_code == 200
    assert f"The last {days} days" in signed_in.text
    assert ("<svg" in signed_in.text) is shown


def test_without_usage_the_page_says_so(signed_in: Browser, organization: Organization) -> None:
    make_request(make_organization().workspace)
    count_usage()

    signed_in.get(path(organization))

    assert "No request ended in these days." in signed_in.text
    assert "<svg" not in signed_in.text


def test_requests_without_a_token_have_a_picture_without_bars(signed_in: Browser, organization: Organization) -> None:
    make_request(organization.workspace, prompt_tokens=0, completion_tokens=0, status="failed")
    count_usage()

    signed_in.get(path(organization))

    assert len(chart(signed_in.text)) == 1


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (WorkspaceRole.ADMIN, 200),
        (WorkspaceRole.DEVELOPER, 200),
        (WorkspaceRole.DPO, 200),
        (WorkspaceRole.VIEWER, 200),
        (WorkspaceRole.AUDITOR, 403),
        (OrganizationRole.BILLING, 200),
        (OrganizationRole.MEMBER, 404),
    ],
)
def test_who_may_read_usage(
    browser: Browser, organization: Organization, role: WorkspaceRole | OrganizationRole, status: int
) -> None:
    if isinstance(role, OrganizationRole):
        person = make_member(organization, role)
    else:
        person = make_member(organization, workspace=organization.workspace, workspace_role=role)
    browser.sign_in(person)

    assert browser.get(path(organization)).status_code == status
    assert browser.get(path(make_organization())).status_code == 404
