"""The access matrix of the console: every page × method × whose workspace × role. See test_access_matrix for the API's.

The tables say what is meant and are not derived from the views; a page that is missing from them fails the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.test import Client, RequestFactory

from cell.access import Scope
from cell.config import config
from cell.ids import Tag, tagged
from cell.tenancy import organization_scope
from tests.factories import Person, make_member, make_organization
from tests.test_access_matrix import METHODS, urls
from workspaces import sessions
from workspaces.models import Member
from workspaces.permissions import ORGANIZATION_SCOPES, WORKSPACE_SCOPES, OrganizationRole, WorkspaceRole

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])

S = Scope
W = "workspaces/<str:workspace_id>"
O = "organization"  # noqa: E741  # beside W

PAGES: Mapping[str, Mapping[str, Scope | None]] = {
    "": {"GET": None},
    "sign-out": {"POST": None},
    f"{O}/members": {"GET": S.MEMBERS_READ, "POST": S.MEMBERS_WRITE},
    f"{O}/members/<str:member_id>/remove": {"POST": S.MEMBERS_WRITE},
    f"{O}/keys": {"GET": S.KEYS_READ, "POST": S.KEYS_WRITE},
    f"{O}/keys/<str:key_id>/revoke": {"POST": S.KEYS_WRITE},
    f"{O}/schedules": {"GET": S.AUDIT_READ, "POST": S.AUDIT_EXPORT},
    f"{O}/schedules/<str:schedule_id>/retry": {"POST": S.AUDIT_EXPORT},
    f"{O}/schedules/<str:schedule_id>/end": {"POST": S.AUDIT_EXPORT},
    f"{O}/data-protection": {"GET": None, "POST": S.WORKSPACES_WRITE},
    f"{O}/agreement/accept": {"POST": S.WORKSPACES_WRITE},
    f"{O}/subprocessors/<int:version>/acknowledge": {"POST": S.WORKSPACES_WRITE},
    "workspaces": {"GET": None},
    "workspaces/new": {"GET": S.WORKSPACES_WRITE, "POST": S.WORKSPACES_WRITE},
    W: {"GET": S.WORKSPACES_READ, "POST": S.WORKSPACES_WRITE},
    f"{W}/region-lock": {"POST": S.WORKSPACES_WRITE},
    f"{W}/state": {"POST": S.WORKSPACES_WRITE},
    f"{W}/serving": {"POST": S.WORKSPACES_WRITE},
    f"{W}/retention": {"GET": S.RETENTION_READ, "POST": S.RETENTION_WRITE},
    f"{W}/holds": {"POST": S.ERASURES_WRITE},
    f"{W}/holds/<str:hold_id>/release": {"POST": S.ERASURES_WRITE},
    f"{W}/keys": {"GET": S.KEYS_READ, "POST": S.KEYS_WRITE},
    f"{W}/keys/<str:key_id>/revoke": {"POST": S.KEYS_WRITE},
    f"{W}/members": {"GET": S.MEMBERS_READ, "POST": S.MEMBERS_WRITE},
    f"{W}/members/<str:member_id>/remove": {"POST": S.MEMBERS_WRITE},
    f"{W}/audit": {"GET": S.AUDIT_READ},
    f"{W}/witnesses": {"GET": S.AUDIT_READ, "POST": S.AUDIT_EXPORT},
    f"{W}/witnesses/<str:key>/drop": {"POST": S.AUDIT_EXPORT},
    f"{W}/audit/<str:entry_id>/proof": {"GET": S.AUDIT_READ},
    "verify": {"GET": None},
    f"{W}/schedules": {"GET": S.AUDIT_READ, "POST": S.AUDIT_EXPORT},
    f"{W}/schedules/<str:schedule_id>/retry": {"POST": S.AUDIT_EXPORT},
    f"{W}/schedules/<str:schedule_id>/end": {"POST": S.AUDIT_EXPORT},
    f"{W}/schedules/<str:schedule_id>/deliveries/<str:delivery_id>": {"GET": S.AUDIT_EXPORT},
    f"{W}/requests": {"GET": S.AUDIT_READ},
    f"{W}/usage": {"GET": S.WORKSPACES_READ},
    f"{W}/redaction": {"GET": S.REDACTION_READ, "POST": S.REDACTION_WRITE},
    f"{W}/redaction/document": {"POST": S.REDACTION_WRITE},
    f"{W}/redaction/trial": {"POST": S.REDACTION_READ},
    f"{W}/records": {"GET": S.RETENTION_READ},
    f"{W}/subject-export": {"GET": S.ERASURES_WRITE, "POST": S.ERASURES_WRITE},
    f"{W}/erasures": {"GET": S.ERASURES_READ, "POST": S.ERASURES_WRITE},
    f"{W}/erasures/<str:erasure_id>": {"GET": S.ERASURES_READ},
    f"{W}/erasures/<str:erasure_id>/certificate": {"GET": S.ERASURES_READ},
}
"""Page → method → the scope it takes; None for whoever is signed in."""

DOORS = {"sign-in", "sign-in/code", "enrol/<str:member_id>/<str:secret>"}
"""Pages for people who are not signed in yet; `tests/console` and `tests/workspaces` say what they let through."""

IN = {200, 302, 400, 404, 409, 412, 422}


def test_every_page_has_a_row():
    pages = {url for url in urls() if not url.startswith("api/")}

    assert pages == set(PAGES) | DOORS


def test_nobody_gets_in_without_signing_in(db: None):
    client = Client()

    for url, method in product(PAGES, METHODS):
        answer = client.generic(method, filled(url, tagged(Tag.WORKSPACE, config().cell, uuid4())))
        assert answer.status_code == 302, (method, url)
        assert answer.url.startswith("/sign-in")


@pytest.mark.parametrize("role", [*OrganizationRole, *WorkspaceRole])
def test_who_sees_which_page(db: None, role: OrganizationRole | WorkspaceRole):
    home, stranger = make_organization(), make_organization()
    if isinstance(role, OrganizationRole):
        person, everywhere, here = make_member(home, role), ORGANIZATION_SCOPES[role], frozenset[Scope]()
    else:
        person = make_member(home, workspace=home.workspace, workspace_role=role)
        everywhere, here = frozenset[Scope](), WORKSPACE_SCOPES[role]
    held = {
        home.workspace_id: everywhere | here,
        stranger.workspace_id: frozenset[Scope](),
        "ws_nonsense": frozenset[Scope](),
    }
    session = signed_in(person)
    wrong = []
    for (url, needs), method in product(PAGES.items(), METHODS):
        for target in held if "workspace_id" in url else [""]:
            right = expected(needs, method, held.get(target, everywhere), in_workspace=bool(target))
            status = visit(session, method, filled(url, target))
            if status not in right:
                wrong.append(f"{method} {url} of {target or 'all'} answered {status}, not {sorted(right)}")

    assert wrong == []


def expected(needs: Mapping[str, Scope | None], method: str, held: frozenset[Scope], *, in_workspace: bool) -> set[int]:
    if method not in needs:
        return {405}
    need = needs[method]
    if need is None or need in held:
        return IN
    return {403} if held or not in_workspace else {404}


def filled(url: str, workspace: str) -> str:
    path = "/" + url.replace("<str:workspace_id>", workspace).replace("<int:version>", "1")
    tags = {
        "key_id": Tag.KEY,
        "member_id": Tag.MEMBER,
        "erasure_id": Tag.ERASURE,
        "entry_id": Tag.ENTRY,
        "hold_id": Tag.HOLD,
        "schedule_id": Tag.SCHEDULE,
        "delivery_id": Tag.DELIVERY,
    }
    path = path.replace("<str:key>", "0" * 8)
    for name, tag in tags.items():
        path = path.replace(f"<str:{name}>", tagged(tag, config().cell, uuid4()))
    return path


def signed_in(person: Person) -> str:
    """The key of a session as the sign-in begins it."""
    request = RequestFactory().get("/")
    request.session = SessionStore()
    with organization_scope(person.actor.organization):
        sessions.begin(request, Member.objects.get(id=person.id))
    request.session.save()
    return str(request.session.session_key)


def visit(session: str, method: str, path: str) -> int:
    """The status of a visit with an empty form, whose effects are undone."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    savepoint = transaction.savepoint()
    status = client.generic(method, path).status_code
    transaction.savepoint_rollback(savepoint)
    transaction.savepoint_commit(savepoint)
    return int(status)
