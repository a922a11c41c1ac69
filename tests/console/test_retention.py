from __future__ import annotations

import re

from cell.config import config
from cell.ids import Tag, tagged, uuid7
from retention.contracts import HoldInfo
from retention.holds import hold_list
from retention.policies import retention_policy
from tests.console.conftest import Browser
from tests.factories import Organization, make_member
from workspaces.permissions import WorkspaceRole


def holds(organization: Organization) -> list[HoldInfo]:
    return hold_list(organization.workspace, lambda rows: rows)


def test_retention_is_decided_within_its_bounds(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}/retention"
    signed_in.get(path)
    decision = {"store_payloads": "on", "version": "0"}
    bare = signed_in.send(path, payload_days="90", **decision)
    explained = signed_in.text
    wrong = signed_in.send(path, payload_days="0", **decision)
    done = signed_in.send(path, payload_days="21", days_request_records="200", days_exports="90", **decision)
    stale = signed_in.send(path, payload_days="21", **decision)
    signed_in.get(path)

    assert (bare.status_code, wrong.status_code, done.status_code, stale.status_code) == (400, 422, 302, 412)
    assert "a reason is needed" in explained
    assert 'value="90"' in explained
    policy = retention_policy(organization.workspace)
    assert (policy.payload_days, dict(policy.classes)) == (21, {"request_records": 200}), "a default stays one"
    assert 'value="21"' in signed_in.text
    rows = re.findall(
        r'<td data-label="Data">([^<]+)</td><td data-label="Days" class="figures">([^<]+)<', signed_in.text
    )
    assert dict(rows) == {
        "Prompts and answers": "21",
        "Exports of the audit log": "90",
        "Whom requests are about": "21",
        "Records of requests": "200",
        "Prompts in engines' caches": "14",
        "Sessions of the console": "½",
    }


def test_a_hold_is_placed_and_released_on_the_page(browser: Browser, organization: Organization) -> None:
    officer = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.DPO)
    browser.sign_in(officer)
    path = f"/workspaces/{organization.workspace_id}"
    request = tagged(Tag.REQUEST, config().cell, uuid7())
    browser.get(f"{path}/retention")
    offered = browser.text
    both = browser.send(f"{path}/holds", request=request, everything="on", reason="Claim 7/2026")
    nothing = browser.send(f"{path}/holds", reason="Claim 7/2026")
    unsaid = browser.send(f"{path}/holds", request=request)
    no_id = browser.send(f"{path}/holds", request="ws_1", reason="Claim 7/2026")
    placed = browser.send(f"{path}/holds", request=f" {request} ", reason="<b>Claim</b>")
    browser.send(f"{path}/holds", everything="on", reason="Claim 8/2026")
    browser.get(f"{path}/retention")
    listed = browser.page.content.decode()

    assert 'name="payload_days"' not in offered, "who may not decide is not offered to"
    assert [answer.status_code for answer in (both, nothing, unsaid, no_id, placed)] == [422, 422, 422, 404, 302]
    assert request in listed
    assert "the whole workspace" in listed
    assert "&lt;b&gt;Claim&lt;/b&gt;" in listed
    for release in re.findall(rf'action="({path}/holds/hold_\w+/release)"', listed):
        assert browser.send(release).status_code == 302
    assert [hold.released_at is None for hold in holds(organization)] == [False, False]


def test_a_viewer_sees_what_is_kept_and_no_hold(browser: Browser, organization: Organization) -> None:
    viewer = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.VIEWER)
    browser.sign_in(viewer)
    path = f"/workspaces/{organization.workspace_id}"

    assert browser.get(f"{path}/retention").status_code == 200
    assert "Records of requests" in browser.text
    assert "Legal holds" not in browser.text
    assert browser.send(f"{path}/holds", everything="on", reason="mine").status_code == 403
    assert holds(organization) == []
