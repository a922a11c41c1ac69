from __future__ import annotations

import pytest

from audit.cosigning.witnesses import witness_list
from audit.witness.cosignature import Witness
from tests.console.conftest import Browser
from tests.factories import Organization, make_member
from workspaces.permissions import WorkspaceRole

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])

KEYS = [Witness(f"witness.example.org/{number}", bytes([number]) * 32).key for number in range(1, 5)]


def _given(number: int, **fields: str) -> dict[str, str]:
    return {"url": "https://witness.example.org/log", "vkey": str(KEYS[number]), "ca": "", **fields}


def test_a_witness_is_named_shown_and_dropped(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}/witnesses"
    signed_in.get(f"/workspaces/{organization.workspace_id}/audit")
    assert "No witness has co-signed it" in signed_in.text and path in signed_in.text
    signed_in.get(path)
    assert "Nobody of yours" in signed_in.text and "The operator names none" in signed_in.text

    for number in range(3):
        assert signed_in.send(path, **_given(number)).status_code == 302
        signed_in.get(path)

    assert all(str(key) in signed_in.text for key in KEYS[:3]) and "not asked yet" in signed_in.text
    assert "Name a witness" not in signed_in.text, "there are as many as may be"
    assert signed_in.send(f"{path}/{KEYS[1].hash.hex()}/drop").status_code == 302
    assert [info.named.vkey for info in witness_list(organization.workspace)] == [str(KEYS[0]), str(KEYS[2])]


def test_what_is_wrong_with_a_witness_is_said(signed_in: Browser, organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}/witnesses"
    signed_in.get(path)
    wrong = {
        "has to be https://": {"url": "http://witness.example.org"},
        "looks like name+hash+key": {"vkey": "witness"},
        "not a certificate in PEM": {"ca": "none"},
        "This field is required": {"url": ""},
    }
    for said, fields in wrong.items():
        assert signed_in.send(path, **_given(0, **fields)).status_code in (400, 422), said
        assert said in signed_in.text
    assert witness_list(organization.workspace) == []


def test_an_auditor_reads_it_and_a_developer_does_not(organization: Organization) -> None:
    path = f"/workspaces/{organization.workspace_id}/witnesses"
    for role, status in ((WorkspaceRole.AUDITOR, 200), (WorkspaceRole.DEVELOPER, 403)):
        browser = Browser()
        browser.sign_in(make_member(organization, workspace=organization.workspace, workspace_role=role))
        assert browser.get(path).status_code == status
