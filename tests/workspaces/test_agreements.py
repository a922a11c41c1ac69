from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from audit.selectors import entry_list
from audit.trees import CellReader
from cell.access import Scope
from cell.config import config
from cell.operator_config import AgreementConfig
from cell.problems import Problem
from tests.factories import Organization, make_actor, make_member
from tests.workspaces.conftest import Api
from workspaces.agreements import agreement_get
from workspaces.permissions import OrganizationRole
from workspaces.services import agreement_accept, member_remove

pytestmark = pytest.mark.django_db


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    agreement = AgreementConfig("2026-03", "https://operator.example/dpa/2026-03.pdf", "ab" * 32)
    stated = replace(config(), agreement=agreement)
    monkeypatch.setattr("workspaces.agreements.config", lambda: stated)
    yield "2026-03"


def test_nothing_is_offered_unless_the_operator_says_so(organization: Organization, api: Api) -> None:
    shown = api("GET", "organization/agreement").json()
    refused = api("POST", "organization/agreement", {"version": "2026-03"})

    assert shown == {"offered": None, "acceptances": []}
    assert (refused.status_code, refused.json()["title"]) == (404, "nothing-offered")


def test_an_owner_accepts_what_they_read(organization: Organization, api: Api, offered: str) -> None:
    open_before = agreement_get(organization.id).is_open
    other = api("POST", "organization/agreement", {"version": "2025-01"})
    accepted = api("POST", "organization/agreement", {"version": offered})
    again = api("POST", "organization/agreement", {"version": offered})

    assert (open_before, agreement_get(organization.id).is_open) == (True, False)
    assert (other.status_code, accepted.status_code, again.status_code) == (412, 201, 409)
    entry = entry_list(CellReader(organization.id), lambda rows: rows[:1])[0].document
    assert (entry["action"], entry["after"]) == (
        "agreement.accepted",
        {"version": offered, "document_sha256": "ab" * 32},
    )
    (one,) = accepted.json()["acceptances"]
    assert one.pop("accepted_at")
    assert one.pop("accepted_by").startswith("key_eude1_")
    assert one == {"version": offered, "reference": "https://operator.example/dpa/2026-03.pdf", "sha256": "ab" * 32}


@pytest.mark.usefixtures("offered")
def test_who_accepted_stays_known_by_pseudonym_alone(organization: Organization, offered: str) -> None:
    person = make_member(organization, OrganizationRole.OWNER)

    agreement_accept(actor=person.actor, organization=organization.id, version=offered)
    member_remove(actor=organization.owner, organization=organization.id, member=f"mem_eude1_{person.id.hex}")

    (one,) = agreement_get(organization.id).acceptances
    assert one.accepted_by.startswith("member:")
    assert person.id.hex not in one.accepted_by
    assert person.email not in repr(one)


def test_nobody_but_an_owner_accepts(organization: Organization, stranger: Organization, offered: str) -> None:
    admin = make_actor(organization.id, frozenset(Scope) - {Scope.ERASURES_WRITE})

    with pytest.raises(Problem) as refused:
        agreement_accept(actor=admin, organization=organization.id, version=offered)
    agreement_accept(actor=stranger.owner, organization=stranger.id, version=offered)

    assert refused.value.status_code == 403
    assert agreement_get(organization.id).acceptances == ()
