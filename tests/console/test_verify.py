from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from audit.sealer import seal_tree
from audit.signing import vkeys
from audit.verifier.__main__ import main
from bailiwick.embedded.cluster import Cluster
from tests.audit.verifier.second import VERIFIER
from tests.console.conftest import Browser
from tests.factories import Organization, make_key, make_member, make_organization
from workspaces.permissions import OrganizationRole


def test_the_page_can_send_nothing_of_what_it_reads(signed_in: Browser) -> None:
    answer = signed_in.get("/verify")

    policy = answer["Content-Security-Policy"]
    form = re.search(r'<form id="verify">.*?</form>', signed_in.text, re.S)
    assert "connect-src 'none'" in policy and "default-src 'none'" in policy
    assert form is not None
    # Without a name no field is part of what a form sends, and without the script it would send itself.
    assert not re.search(r"\b(?:name|action|method|formaction|hx-\w+)=", form[0])
    assert 'src="/static/console/verify.js"' in signed_in.text
    assert all(vkey in signed_in.text for vkey in vkeys())


def test_the_page_touches_nothing_but_its_own_elements() -> None:
    text = VERIFIER.with_name("verify_page.js").read_text()

    assert not re.search(
        r"fetch\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource|innerHTML|outerHTML|insertAdjacent|eval", text
    )


@pytest.fixture
def committed(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[Organization]:
    """What the sealer sees: rows stay."""
    with django_db_blocker.unblock():
        yield make_organization()


def test_each_sealed_entry_has_a_proof_to_take_home(committed: Organization, tmp_path: Path) -> None:
    make_key(committed, committed.workspace)
    seal_tree(committed.workspace_id)
    browser = Browser()
    browser.sign_in(make_member(committed, OrganizationRole.OWNER))
    make_key(committed, committed.workspace)

    browser.get(f"/workspaces/{committed.workspace_id}/audit")
    assert 'href="/verify"' in browser.text
    addresses = re.findall(r'href="([^"]+/proof)" download', browser.text)
    unsealed = re.search(r"not yet", browser.text)
    assert addresses and unsealed
    for address in addresses:
        answer = browser.get(address)
        assert re.search(r'filename="ent_\w+\.tlog-proof"', answer["Content-Disposition"])
        (tmp_path / "it").write_bytes(answer.content)
        assert main([str(tmp_path / "it"), "--key", vkeys()[0]]) == 0


def test_an_entry_that_is_not_sealed_yet_says_so(committed: Organization) -> None:
    browser = Browser()
    browser.sign_in(make_member(committed, OrganizationRole.OWNER))

    browser.get(f"/workspaces/{committed.workspace_id}/audit")
    entry = re.search(
        r"ent_\w+", browser.get(f"/api/workspaces/{committed.workspace_id}/audit/entries").content.decode()
    )
    assert entry is not None
    answer = browser.get(f"/workspaces/{committed.workspace_id}/audit/{entry[0]}/proof")

    assert answer.status_code == 409 and "not sealed yet" in browser.text
