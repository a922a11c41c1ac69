from __future__ import annotations

import pytest

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell.config import config
from cell.ids import Tag, tagged
from tests.console.conftest import Browser
from tests.factories import make_member, make_organization
from tests.retention.conftest import committed  # noqa: F401  # a fixture
from tests.retention.requests import serve
from tests.retention.test_api import run_jobs
from workspaces.permissions import OrganizationRole


@pytest.mark.usefixtures("committed")
def test_a_request_is_erased_watched_and_its_certificate_downloaded() -> None:
    organization = make_organization()
    browser = Browser()
    browser.sign_in(make_member(organization, OrganizationRole.OWNER))
    path = f"/workspaces/{organization.workspace_id}/erasures"
    request = tagged(Tag.REQUEST, config().cell, serve(organization.workspace))

    browser.get(path)
    asked = browser.send(path, request=f" {request} ")
    erasure = asked["Location"]
    early = browser.get(f"{erasure}/certificate")
    running = browser.get(erasure).content.decode()
    run_jobs(organization.workspace)
    state = browser.get(erasure, **{"HX-Request": "true"}).content.decode()
    certificate = browser.get(f"{erasure}/certificate")
    listed = browser.get(path).content.decode()

    assert asked.status_code == 302
    assert early.status_code == 409
    assert f'hx-get="{erasure}"' in running
    assert "Under way." in running
    assert "hx-get" not in state
    assert "<html" not in state
    assert "Download the certificate" in state
    assert certificate["Content-Disposition"].startswith('attachment; filename="certificate-ers_')
    verify_certificate(certificate.content, vkeys())
    assert f"{erasure}/certificate" in listed
