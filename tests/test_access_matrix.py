"""Every URL × method × whose workspace × actor: who gets 401, 403, 404, 405, 421 or in.

The tables below say what is meant; they are not derived from the views. A URL that is missing from them fails the test, so a
new endpoint cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from cell.access import Actor, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged
from tests.factories import Organization, make_key, make_member, make_organization, make_workspace
from workspaces.permissions import ORGANIZATION_SCOPES, WORKSPACE_SCOPES, OrganizationRole, WorkspaceRole

pytestmark = pytest.mark.django_db(databases=["default", "keystore"])

S = Scope
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
W = "api/workspaces/<str:workspace_id>"

MANAGEMENT: Mapping[str, Mapping[str, Scope | None]] = {
    "api/organization": {"GET": S.WORKSPACES_READ, "PATCH": S.WORKSPACES_WRITE},
    "api/organization/agreement": {"GET": S.WORKSPACES_READ, "POST": S.WORKSPACES_WRITE},
    "api/organization/keys": {"GET": S.KEYS_READ, "POST": S.KEYS_WRITE},
    "api/organization/keys/<str:key_id>": {"GET": S.KEYS_READ, "DELETE": S.KEYS_WRITE},
    "api/organization/keys/<str:key_id>/rotate": {"POST": S.KEYS_WRITE},
    "api/regions": {"GET": S.WORKSPACES_READ},
    "api/subprocessors": {"GET": None},
    "api/subprocessors/<int:version>/acknowledgement": {"POST": S.WORKSPACES_WRITE},
    "api/members": {"GET": S.MEMBERS_READ, "POST": S.MEMBERS_WRITE},
    "api/members/<str:member_id>": {"GET": S.MEMBERS_READ, "PATCH": S.MEMBERS_WRITE, "DELETE": S.MEMBERS_WRITE},
    "api/models": {"GET": S.MODELS_READ},
    "api/deployments": {"GET": S.DEPLOYMENTS_READ},
    "api/workspaces": {"GET": S.WORKSPACES_READ, "POST": S.WORKSPACES_WRITE},
    W: {"GET": S.WORKSPACES_READ, "PATCH": S.WORKSPACES_WRITE},
    f"{W}/serving-policy": {"GET": S.WORKSPACES_READ, "PATCH": S.WORKSPACES_WRITE},
    f"{W}/keys": {"GET": S.KEYS_READ, "POST": S.KEYS_WRITE},
    f"{W}/keys/<str:key_id>": {"GET": S.KEYS_READ, "DELETE": S.KEYS_WRITE},
    f"{W}/keys/<str:key_id>/rotate": {"POST": S.KEYS_WRITE},
    f"{W}/members": {"GET": S.MEMBERS_READ},
    f"{W}/members/<str:member_id>": {"PUT": S.MEMBERS_WRITE, "DELETE": S.MEMBERS_WRITE},
    f"{W}/redaction-policy": {"GET": S.REDACTION_READ, "PUT": S.REDACTION_WRITE},
    f"{W}/redactions": {"POST": S.REDACTION_READ},
    f"{W}/requests": {"GET": S.AUDIT_READ},
    f"{W}/requests/<str:request_id>": {"GET": S.AUDIT_READ},
    f"{W}/usage": {"GET": S.WORKSPACES_READ},
    f"{W}/retention-policy": {"GET": S.RETENTION_READ, "PUT": S.RETENTION_WRITE},
    f"{W}/records-of-processing": {"GET": S.RETENTION_READ},
    f"{W}/subject-exports": {"POST": S.ERASURES_WRITE},
    f"{W}/erasures": {"GET": S.ERASURES_READ, "POST": S.ERASURES_WRITE},
    f"{W}/erasures/<str:erasure_id>": {"GET": S.ERASURES_READ},
    f"{W}/erasures/<str:erasure_id>/certificate": {"GET": S.ERASURES_READ},
    f"{W}/holds": {"GET": S.ERASURES_READ, "POST": S.ERASURES_WRITE},
    f"{W}/holds/<str:hold_id>": {"DELETE": S.ERASURES_WRITE},
    **{
        f"{base}/audit/{tail}": {"GET": S.AUDIT_READ}
        for base in (W, "api/organization")
        for tail in (
            "entries",
            "entries/<str:entry_id>/detail",
            "checkpoint",
            "proofs/<str:entry_id>",
            "cell-checkpoint",
            "cell-proof",
        )
    },
    "api/organization/audit/schedules": {"GET": S.AUDIT_READ, "POST": S.AUDIT_EXPORT},
    "api/organization/audit/schedules/<str:schedule_id>": {
        "GET": S.AUDIT_READ,
        "PATCH": S.AUDIT_EXPORT,
        "DELETE": S.AUDIT_EXPORT,
    },
    f"{W}/audit/log/checkpoint": {"GET": S.AUDIT_READ},
    f"{W}/audit/log/tile/<str:level>/<path:place>": {"GET": S.AUDIT_READ},
    f"{W}/audit/exports": {"GET": S.AUDIT_READ, "POST": S.AUDIT_EXPORT},
    f"{W}/audit/exports/<str:export_id>": {"GET": S.AUDIT_READ},
    f"{W}/audit/exports/<str:export_id>/download": {"GET": S.AUDIT_EXPORT},
    f"{W}/audit/witnesses": {"GET": S.AUDIT_READ, "PUT": S.AUDIT_EXPORT},
    f"{W}/audit/schedules": {"GET": S.AUDIT_READ, "POST": S.AUDIT_EXPORT},
    f"{W}/audit/schedules/<str:schedule_id>": {"GET": S.AUDIT_READ, "PATCH": S.AUDIT_EXPORT, "DELETE": S.AUDIT_EXPORT},
    f"{W}/audit/schedules/<str:schedule_id>/deliveries": {"GET": S.AUDIT_READ},
    f"{W}/audit/schedules/<str:schedule_id>/deliveries/<str:delivery_id>/download": {"GET": S.AUDIT_EXPORT},
}
"""URL → method → the scope it takes, in the workspace of the path or else in the whole organization; None for every key."""

PUBLIC = {"api/schema"}
"""Says nothing about anybody."""

CONSOLE_PREFIXES: tuple[str, ...] = ()


def urls(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from urls(pattern, route)


def test_every_url_has_a_row():
    management = {url for url in urls() if url.startswith("api/")}

    assert management - set(MANAGEMENT) - PUBLIC == set()
    assert set(MANAGEMENT) - management == set()


@dataclass(frozen=True)
class Caller:
    name: str
    organization: Organization
    token: str | None = None
    actor: Actor | None = None
    scopes: frozenset[Scope] = frozenset()
    """Held in the whole organization."""
    workspace: WorkspaceRef | None = None
    workspace_scopes: frozenset[Scope] = frozenset()
    """Held in `workspace` alone."""

    def client(self) -> APIClient:
        client = APIClient()
        if self.token is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        elif self.actor is not None:
            client.force_authenticate(user=self.actor)  # type: ignore[arg-type]  # an Actor is this project's user
        return client

    def scopes_in(self, workspace: WorkspaceRef | None) -> frozenset[Scope]:
        if workspace is None:
            return self.scopes
        if workspace.organization != self.organization.id:
            return frozenset()
        return self.scopes | (self.workspace_scopes if workspace == self.workspace else frozenset())


@dataclass(frozen=True)
class Target:
    """What stands where the path has `workspace_id`; `workspace` is None for an id of nothing."""

    public_id: str
    workspace: WorkspaceRef | None
    misdirected: bool = False


@pytest.fixture
def home(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def callers(home: Organization) -> list[Caller]:
    """Everybody who might ask: no key, one key per scope, whole keys, every role, neighbours and strangers."""
    mine, sibling, stranger = home.workspace, make_workspace(home, name="Sibling"), make_organization()
    every = frozenset(Scope)
    found = [Caller("nobody", home)]
    for scope in Scope:
        one = frozenset({scope})
        key = make_key(home, mine, scopes=one)
        found.append(Caller(f"key with {scope}", home, key.token, workspace=mine, workspace_scopes=one))
    whole = make_key(home, mine)
    found.append(Caller("key with everything", home, whole.token, workspace=mine, workspace_scopes=every))
    other = make_key(home, sibling)
    found.append(Caller("key of the sibling", home, other.token, workspace=sibling, workspace_scopes=every))
    manager = make_key(home)
    found.append(Caller("management key", home, manager.token, scopes=every))
    foreign = make_key(stranger, stranger.workspace)
    found.append(
        Caller("a stranger's key", stranger, foreign.token, workspace=stranger.workspace, workspace_scopes=every)
    )
    foreign_manager = make_key(stranger)
    found.append(Caller("a stranger's management key", stranger, foreign_manager.token, scopes=every))
    for role in OrganizationRole:
        person = make_member(home, role)
        found.append(Caller(f"organization {role}", home, actor=person.actor, scopes=ORGANIZATION_SCOPES[role]))
    for workspace_role, workspace in product(WorkspaceRole, (mine, sibling)):
        person = make_member(home, workspace=workspace, workspace_role=workspace_role)
        found.append(
            Caller(
                f"{workspace_role} of {'it' if workspace == mine else 'the sibling'}",
                home,
                actor=person.actor,
                workspace=workspace,
                workspace_scopes=WORKSPACE_SCOPES[workspace_role],
            )
        )
    return found


def expected(caller: Caller, method: str, need: Mapping[str, Scope | None], target: Target | None) -> set[int]:
    """The statuses that are right. Those of an allowed call depend on what it says, so they are several."""
    if caller.token is None and caller.actor is None:
        return {401}
    if method not in need:
        return {405}
    scope = need[method]
    if scope is None:
        return ALLOWED
    if target is None:
        return ALLOWED if scope in caller.scopes else {403}
    if target.misdirected:
        return {421}
    held = caller.scopes_in(target.workspace) if target.workspace else frozenset()
    if not held:
        return {404}
    return ALLOWED if scope in held else {403}


ALLOWED = {200, 201, 202, 204, 400, 404, 409, 412, 428}
WITHOUT_ENGINE = ("api/models", 503)
"""Who may ask is told that there is no engine here."""


@pytest.mark.timeout(600)
def test_who_gets_in(home: Organization, callers: list[Caller]):
    cell = config().cell
    targets = [
        Target(home.workspace_id, home.workspace),
        Target(tagged(Tag.WORKSPACE, cell, uuid4()), None),
        Target("ws_nonsense", None),
        Target(tagged(Tag.WORKSPACE, "usea1", uuid4()), None, misdirected=True),
    ]
    existing = {
        # Nobody rotates or revokes a key that may more than they: this one may no more than they need for that.
        "key_id": make_key(home, home.workspace, scopes={Scope.KEYS_WRITE}).key.id,
        "member_id": tagged(Tag.MEMBER, cell, make_member(home).id),
        "request_id": tagged(Tag.REQUEST, cell, uuid4()),
        "erasure_id": tagged(Tag.ERASURE, cell, uuid4()),
        "hold_id": tagged(Tag.HOLD, cell, uuid4()),
        "entry_id": tagged(Tag.ENTRY, cell, uuid4()),
        "export_id": tagged(Tag.EXPORT, cell, uuid4()),
        "schedule_id": tagged(Tag.SCHEDULE, cell, uuid4()),
        "delivery_id": tagged(Tag.DELIVERY, cell, uuid4()),
    }
    wrong: list[str] = []
    cells = 0
    for caller in callers:
        client = caller.client()
        # What is no id, or another cell's, is refused before anybody is asked who they are: two callers tell.
        aimed = targets if caller in (callers[0], callers[-1]) else targets[:2]
        for (url, need), method in product(MANAGEMENT.items(), METHODS):
            for target in aimed if "workspace_id" in url else [None]:
                cells += 1
                path = filled(url, existing, target)
                status = call(client, method, path)
                right = expected(caller, method, need, target)
                if status not in right and (right != ALLOWED or (url, status) != WITHOUT_ENGINE):
                    wrong.append(f"{caller.name}: {method} {path} answered {status}, not {sorted(right)}")

    assert wrong == []
    assert cells >= 10_000


def test_not_yours_and_not_there_are_the_same_answer(home: Organization):
    stranger = APIClient()
    stranger.credentials(HTTP_AUTHORIZATION=f"Bearer {make_organization().admin_key}")
    nothing = tagged(Tag.WORKSPACE, config().cell, uuid4())

    for url, need in MANAGEMENT.items():
        for method in need if "workspace_id" in url else ():
            answers = [
                getattr(stranger, method.lower())(filled(url, {}, Target(public_id, None)), {}, format="json")
                for public_id in (home.workspace_id, nothing)
            ]
            assert answers[0].status_code == answers[1].status_code == 404
            assert answers[0].content == answers[1].content
            assert sorted(answers[0].headers.items()) == sorted(answers[1].headers.items())


def filled(url: str, ids: Mapping[str, str], target: Target | None) -> str:
    path = "/" + url.replace("<int:version>", "1")
    if target is not None:
        path = path.replace("<str:workspace_id>", target.public_id)
    names = ("key_id", "member_id", "request_id", "erasure_id", "hold_id", "entry_id", "export_id")
    for name in (*names, "schedule_id", "delivery_id"):
        path = path.replace(f"<str:{name}>", ids.get(name, "none"))
    return path


def call(client: APIClient, method: str, path: str) -> int:
    """The status of a call with an empty body, whose effects are undone."""
    savepoint = transaction.savepoint()
    response: Any = getattr(client, method.lower())(path, {}, format="json")
    transaction.savepoint_rollback(savepoint)
    transaction.savepoint_commit(savepoint)  # otherwise it stays open, with its lock
    return int(response.status_code)
