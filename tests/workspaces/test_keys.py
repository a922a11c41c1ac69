from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditEntry
from cell.access import Actor, ActorKind, Scope
from cell.config import config
from cell.problems import Problem
from cell.tenancy import organization_scope, workspace_scope
from tests.factories import Organization, make_key
from tests.workspaces.conftest import Api
from workspaces.models import Key
from workspaces.services import key_issue, key_rotate
from workspaces.tokens import issue, parse

scopes = st.frozensets(st.sampled_from(sorted(Scope)))


def _stored(organization: Organization, token: str) -> Key:
    with organization_scope(organization.id):
        return Key.objects.get(key_id=parse(token).key_id)


def _status(token: str) -> int:
    status: int = Api(token)("GET", "organization").status_code
    return status


def test_a_key_is_shown_once_and_stored_as_a_hash(organization: Organization, api: Api) -> None:
    path = f"workspaces/{organization.workspace_id}/keys"

    issued = api("POST", path, {"name": "App", "scopes": ["inference:chat"]})
    token = issued.json()["token"]
    read = api("GET", f"{path}/{issued.json()['id']}")

    assert issued.status_code == 201
    assert issued["Cache-Control"] == "no-store"
    assert "token" not in read.json()
    assert parse(token).secret not in read.content.decode() + api("GET", path).content.decode()
    assert bytes(_stored(organization, token).secret_hash).hex() not in token
    assert issued.json()["prefix"] == parse(token).prefix


def test_a_key_lives_ninety_days_unless_said_otherwise(organization: Organization, api: Api) -> None:
    issued = api("POST", "organization/keys", {"name": "Robot", "scopes": ["workspaces:read"]}).json()

    life = _stored(organization, issued["token"]).expires_at - timezone.now()
    assert timedelta(days=89, hours=23) < life <= timedelta(days=90)
    assert _status(issued["token"]) == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=scopes, here=scopes, wanted=scopes.filter(bool), everywhere=st.booleans())
def test_no_key_has_a_scope_that_its_creator_lacks(
    organization: Organization,
    held: frozenset[Scope],
    here: frozenset[Scope],
    wanted: frozenset[Scope],
    everywhere: bool,
) -> None:
    creator = Actor(
        ActorKind.MEMBER, UUID(int=1), organization.id, scopes=held, workspace_scopes={organization.workspace.id: here}
    )
    workspace = None if everywhere else organization.workspace
    may = held if everywhere else held | here

    try:
        issued = key_issue(
            actor=creator, organization=organization.id, workspace=workspace, name="Child", scopes=wanted
        )
    except Problem as problem:
        assert (problem.status_code, problem.code) == (403, "scope-not-held")
        assert set(problem.members["scopes"]) == wanted - may
        assert wanted - may
    else:
        assert frozenset(issued.key.scopes) == wanted
        assert wanted <= may


def test_a_key_cannot_pass_on_what_it_lacks(organization: Organization) -> None:
    creator = Api(make_key(organization, organization.workspace, scopes=[Scope.KEYS_WRITE, Scope.MODELS_READ]).token)
    path = f"workspaces/{organization.workspace_id}/keys"

    fewer = creator("POST", path, {"name": "Fewer", "scopes": ["models:read"]})
    more = creator("POST", path, {"name": "More", "scopes": ["models:read", "erasures:write"]})

    assert fewer.status_code == 201
    assert (more.status_code, more.json()["scopes"]) == (403, ["erasures:write"])


def test_rotating_does_not_hand_out_scopes_either(organization: Organization) -> None:
    strong = make_key(organization, organization.workspace).key.id
    weak = Api(make_key(organization, organization.workspace, scopes=[Scope.KEYS_WRITE]).token)

    answer = weak("POST", f"workspaces/{organization.workspace_id}/keys/{strong}/rotate", {})

    assert (answer.status_code, answer.json()["title"]) == (403, "scope-not-held")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "App", "scopes": ["inference:everything"]}, "scopes"),
        ({"name": "App", "scopes": []}, "scopes"),
        ({"name": "App", "scopes": "inference:chat"}, "scopes"),
        ({"name": "App"}, "scopes"),
        ({"name": "App", "scopes": ["models:read"], "expires_in_days": 0}, "expires_in_days"),
        ({"name": "App", "scopes": ["models:read"], "expires_in_days": 366}, "expires_in_days"),
        ({"name": "App", "scopes": ["models:read"], "workspace": "ws_other"}, "workspace"),
    ],
)
def test_a_wrong_request_for_a_key_names_the_field(
    organization: Organization, api: Api, body: dict[str, object], field: str
) -> None:
    answer = api("POST", f"workspaces/{organization.workspace_id}/keys", body)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_a_wrong_network_is_refused(organization: Organization, api: Api) -> None:
    body = {"name": "App", "scopes": ["models:read"], "cidrs": ["10.0.0.0/8", "10.0.0.1/8"]}

    answer = api("POST", f"workspaces/{organization.workspace_id}/keys", body)

    assert answer.status_code == 400
    assert "network 2" in answer.json()["detail"]


def test_a_revoked_key_is_refused_and_revoking_it_again_is_nothing(organization: Organization, api: Api) -> None:
    issued = make_key(organization)
    before = _status(issued.token)

    revoked = api("DELETE", f"organization/keys/{issued.key.id}")
    again = api("DELETE", f"organization/keys/{issued.key.id}")
    refused = Api(issued.token)("GET", "organization")

    assert before == 200
    assert revoked.json()["revoked_at"] == again.json()["revoked_at"] is not None
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert "revoked" in refused.json()["detail"]


def test_an_expired_key_is_refused(organization: Organization) -> None:
    issued = make_key(organization)
    before = _status(issued.token)
    with organization_scope(organization.id):
        Key.objects.filter(key_id=parse(issued.token).key_id).update(expires_at=timezone.now())

    assert before == 200
    assert _status(issued.token) == 401


def test_rotation_overlaps(organization: Organization, api: Api) -> None:
    old = make_key(organization, cidrs=["127.0.0.0/8"], days=10)

    answer = api("POST", f"organization/keys/{old.key.id}/rotate", {"overlap_seconds": 3600})
    new = answer.json()
    left = _stored(organization, old.token).expires_at - timezone.now()

    assert answer.status_code == 201
    assert new["successor_of"] == old.key.id
    assert (new["scopes"], new["cidrs"]) == ([str(scope) for scope in old.key.scopes], ["127.0.0.0/8"])
    assert _status(old.token) == _status(new["token"]) == 200
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_rotation_never_lengthens_a_life_and_ends_without_overlap(organization: Organization) -> None:
    short = make_key(organization, days=1)
    at_once = make_key(organization)

    key_rotate(
        actor=organization.owner,
        organization=organization.id,
        workspace=None,
        key=short.key.id,
        overlap=timedelta(days=7),
    )
    key_rotate(
        actor=organization.owner, organization=organization.id, workspace=None, key=at_once.key.id, overlap=timedelta(0)
    )

    assert _stored(organization, short.token).expires_at == short.key.expires_at
    assert _status(at_once.token) == 401


def test_an_ended_key_cannot_be_rotated(organization: Organization, api: Api) -> None:
    issued = make_key(organization)
    api("DELETE", f"organization/keys/{issued.key.id}")

    answer = api("POST", f"organization/keys/{issued.key.id}/rotate", {})

    assert (answer.status_code, answer.json()["title"]) == (409, "key-ended")


def test_a_key_works_from_its_networks_only(organization: Organization) -> None:
    token = make_key(organization, cidrs=["198.51.100.0/24"]).token

    inside = Api(token, REMOTE_ADDR="198.51.100.7")("GET", "organization")
    outside = Api(token, REMOTE_ADDR="203.0.113.7")("GET", "organization")
    pretended = Api(token, REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR="198.51.100.7")("GET", "organization")

    assert inside.status_code == 200
    assert (outside.status_code, outside.json()["title"]) == (403, "address-not-allowed")
    assert pretended.status_code == 403


def test_a_key_of_another_cell_is_misdirected(organization: Organization) -> None:
    known = Api(str(issue("usea1")))("GET", "organization")
    unknown = Api(str(issue("nowhere1")))("GET", "organization")

    assert (known.status_code, known.json()["url"]) == (421, "https://api.us-east.example")
    assert (unknown.status_code, unknown.json()["cell"]) == (421, "nowhere1")
    assert "url" not in unknown.json()


@pytest.mark.parametrize("kind", ["none", "empty", "basic", "nonsense", "unknown", "wrong secret", "cut"])
def test_what_is_no_key_of_ours_is_refused(organization: Organization, kind: str) -> None:
    good = organization.admin_key
    token = parse(good)
    headers = {
        "none": {},
        "empty": {"Authorization": "Bearer "},
        "basic": {"Authorization": "Basic dXNlcjpwYXNz"},
        "nonsense": {"Authorization": "Bearer nonsense"},
        "unknown": {"Authorization": f"Bearer {issue(config().cell)}"},
        "wrong secret": {"Authorization": f"Bearer {type(token)(token.cell, token.key_id, 'x' * 32)}"},
        "cut": {"Authorization": f"Bearer {good[:-1]}"},
    }[kind]

    answer = Api(None)("GET", "organization", **headers)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert token.secret not in answer.content.decode()


def test_an_unknown_key_and_a_wrong_secret_are_one_answer(organization: Organization) -> None:
    token = parse(organization.admin_key)
    unknown = Api(str(issue(config().cell)))("GET", "organization")
    wrong = Api(str(type(token)(token.cell, token.key_id, "x" * 32)))("GET", "organization")

    assert unknown.content == wrong.content


def test_use_is_stamped_to_the_hour_with_one_entry(organization: Organization) -> None:
    issued = make_key(organization, organization.workspace)
    call = Api(issued.token)
    for _ in range(3):
        call("GET", f"workspaces/{organization.workspace_id}")

    with workspace_scope(organization.workspace):
        bodies = [bytes(body) for body in AuditEntry.objects.values_list("body", flat=True)]
    stored = _stored(organization, issued.token)
    used = [body for body in bodies if b'"key.used"' in body]

    assert stored.last_used_at is not None
    assert (stored.last_used_at.minute, stored.last_used_at.second) == (0, 0)
    assert len(used) == 1
    assert issued.key.id.encode() in used[0]


def test_entries_say_what_happened_and_hold_nothing_typed(organization: Organization, api: Api) -> None:
    path = f"workspaces/{organization.workspace_id}"
    issued = api("POST", f"{path}/keys", {"name": "Canary name", "scopes": ["models:read"]}).json()
    api("PATCH", path, {"name": "Canary workspace", "region_locked": True}, **{"If-Match": "*"})
    api("DELETE", f"{path}/keys/{issued['id']}")

    with workspace_scope(organization.workspace):
        bodies = b"\n".join(bytes(body) for body in AuditEntry.objects.order_by("id").values_list("body", flat=True))

    for action in (b"workspace.created", b"key.issued", b"workspace.region-locked", b"key.revoked"):
        assert b'"' + action + b'"' in bodies
    assert b'"after":{"region_locked":true}' in bodies
    assert b"Canary" not in bodies
    assert parse(issued["token"]).secret.encode() not in bodies
