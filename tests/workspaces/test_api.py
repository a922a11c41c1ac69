from __future__ import annotations

import pytest

from cell.access import Scope
from cell.config import config
from tests.factories import Organization, make_key, make_organization, make_workspace
from tests.workspaces.conftest import Api
from workspaces.services import organization_bootstrap


def _foreign(public_id: str) -> str:
    tag, _, number = public_id.split("_")
    return f"{tag}_usea1_{number}"


def test_a_workspace_is_created_in_this_region_and_read_again(organization: Organization, api: Api) -> None:
    created = api("POST", "workspaces", {"name": "Support", "environment": "staging"})
    document = created.json()
    read = api("GET", f"workspaces/{document['id']}")
    listed = api("GET", "workspaces").json()

    assert created.status_code == 201
    assert document["region"] == config().region
    assert document["environment"] == "staging"
    assert read.json() == document
    assert read["ETag"] == created["ETag"]
    assert [workspace["id"] for workspace in listed["results"]] == [document["id"], organization.workspace_id]


def test_the_region_cannot_be_chosen(api: Api) -> None:
    here = api("POST", "workspaces", {"name": "Here", "region": config().region})
    elsewhere = api("POST", "workspaces", {"name": "Elsewhere", "region": "us-east-1"})
    nowhere = api("POST", "workspaces", {"name": "Nowhere", "region": "xx-nowhere-1"})
    changed = api("PATCH", f"workspaces/{here.json()['id']}", {"region": "us-1"}, **{"If-Match": "*"})

    assert here.status_code == 201
    assert (elsewhere.status_code, elsewhere.json()["url"]) == (421, "https://api.us-east.example")
    assert (nowhere.status_code, nowhere.json()["title"]) == (400, "unknown-region")
    assert changed.status_code == 400
    assert "region" in changed.json()["errors"]


def test_an_update_needs_the_version_that_was_read(organization: Organization, api: Api) -> None:
    path = f"workspaces/{organization.workspace_id}"
    first = api("GET", path)["ETag"]

    blind = api("PATCH", path, {"name": "Seen"})
    seen = api("PATCH", path, {"name": "Seen"}, **{"If-Match": first})
    stale = api("PATCH", path, {"name": "Stale"}, **{"If-Match": first})

    assert (blind.status_code, blind.json()["title"]) == (428, "if-match-required")
    assert (seen.status_code, seen.json()["name"]) == (200, "Seen")
    assert seen["ETag"] != first
    assert (stale.status_code, stale.json()["title"]) == (412, "changed-meanwhile")
    assert api("GET", path).json()["name"] == "Seen"


def test_locking_a_region_is_open_to_the_workspace_and_unlocking_to_the_organization(
    organization: Organization, api: Api
) -> None:
    path = f"workspaces/{organization.workspace_id}"
    local = Api(make_key(organization, organization.workspace).token)

    locked = local("PATCH", path, {"region_locked": True}, **{"If-Match": "*"})
    refused = local("PATCH", path, {"region_locked": False}, **{"If-Match": "*"})
    unlocked = api("PATCH", path, {"region_locked": False}, **{"If-Match": "*"})

    assert (locked.status_code, locked.json()["region_locked"]) == (200, True)
    assert (refused.status_code, refused.json()["title"]) == (403, "region-locked")
    assert (unlocked.status_code, unlocked.json()["region_locked"]) == (200, False)


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("GET", "/keys", None),
        ("POST", "/keys", {"name": "Mine", "scopes": ["models:read"]}),
        ("GET", "/members", None),
    ],
)
def test_what_is_not_ours_and_what_is_not_there_answer_alike(
    organization: Organization, stranger: Organization, api: Api, method: str, rest: str, body: object
) -> None:
    unknown = organization.workspace_id[:-8] + "00000000"

    theirs = api(method, f"workspaces/{stranger.workspace_id}{rest}", body, **{"If-Match": "*"})
    nowhere = api(method, f"workspaces/{unknown}{rest}", body, **{"If-Match": "*"})
    malformed = api(method, f"workspaces/nonsense{rest}", body, **{"If-Match": "*"})
    own = api("GET", f"workspaces/{organization.workspace_id}")

    assert own.status_code == 200
    assert theirs.status_code == nowhere.status_code == malformed.status_code == 404
    assert theirs.content == nowhere.content == malformed.content


def test_objects_inside_a_workspace_are_not_found_through_another(
    organization: Organization, stranger: Organization, api: Api
) -> None:
    other = make_workspace(organization)
    key = make_key(organization, organization.workspace).key.id
    their_key = make_key(stranger, stranger.workspace).key.id
    their_member = stranger.bootstrap.owner.id
    other_id = f"ws_{config().cell}_{other.id.hex}"

    answers = [
        api("GET", f"workspaces/{other_id}/keys/{key}"),
        api("DELETE", f"workspaces/{other_id}/keys/{key}"),
        api("GET", f"organization/keys/{key}"),
        api("DELETE", f"workspaces/{organization.workspace_id}/keys/{their_key}"),
        api("POST", f"workspaces/{organization.workspace_id}/keys/{their_key}/rotate", {}),
        api("GET", f"members/{their_member}"),
        api("PATCH", f"members/{their_member}", {"role": "member"}, **{"If-Match": "*"}),
        api("DELETE", f"members/{their_member}"),
        api("PUT", f"workspaces/{organization.workspace_id}/members/{their_member}", {"role": "viewer"}),
        api("DELETE", f"workspaces/{organization.workspace_id}/members/{their_member}"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert api("GET", f"workspaces/{organization.workspace_id}/keys/{key}").status_code == 200


def test_an_id_of_another_cell_is_misdirected(organization: Organization, api: Api) -> None:
    answer = api("GET", f"workspaces/{_foreign(organization.workspace_id)}")

    assert answer.status_code == 421
    assert answer["Content-Type"].startswith("application/problem+json")
    assert (answer.json()["title"], answer.json()["cell"]) == ("misdirected", "usea1")
    assert answer.json()["url"] == "https://api.us-east.example"
    assert "Location" not in answer


def test_a_workspace_key_sees_its_own_workspace_only(organization: Organization) -> None:
    other = make_workspace(organization)
    local = Api(make_key(organization, organization.workspace).token)

    assert local("GET", f"workspaces/{organization.workspace_id}").status_code == 200
    assert local("GET", f"workspaces/ws_{config().cell}_{other.id.hex}").status_code == 404
    assert local("GET", "workspaces").status_code == 403
    assert local("GET", "members").status_code == 403
    assert local("GET", "organization/keys").status_code == 403


def test_a_missing_scope_is_named(organization: Organization) -> None:
    reader = Api(make_key(organization, organization.workspace, scopes=[Scope.WORKSPACES_READ]).token)

    answer = reader("PATCH", f"workspaces/{organization.workspace_id}", {"name": "New"}, **{"If-Match": "*"})

    assert (answer.status_code, answer.json()["scope"]) == (403, "workspaces:write")
    assert reader("GET", f"workspaces/{organization.workspace_id}").status_code == 200


def test_a_method_that_is_not_declared_does_not_work(organization: Organization, api: Api) -> None:
    assert api("DELETE", f"workspaces/{organization.workspace_id}").status_code == 405
    assert api("PUT", "organization", {"name": "Mine"}).status_code == 405


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": ["a"]}, "name"),
        ({"name": "Fine", "environment": "qa"}, "environment"),
        ({"name": "Fine", "region_lock": True}, "region_lock"),
    ],
)
def test_wrong_fields_are_named(api: Api, body: dict[str, object], field: str) -> None:
    answer = api("POST", "workspaces", body)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_a_body_that_is_no_json_is_a_problem(api: Api, organization: Organization) -> None:
    answer = api.client.post(
        "/api/workspaces",
        "{",
        content_type="application/json",
        headers={"Authorization": f"Bearer {organization.admin_key}"},
    )

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_list_comes_in_pages(organization: Organization, api: Api) -> None:
    made = [make_workspace(organization, name=f"Number {number}") for number in range(4)]

    first = api("GET", "workspaces?limit=3").json()
    second = api.client.get(first["next"], headers={"Authorization": f"Bearer {organization.admin_key}"}).json()

    ids = [workspace["id"] for page in (first, second) for workspace in page["results"]]
    assert len(first["results"]) == 3
    assert second["next"] is None
    assert len(set(ids)) == len(made) + 1


def test_the_organization_and_the_regions_are_read(organization: Organization, api: Api) -> None:
    read = api("GET", "organization")
    renamed = api("PATCH", "organization", {"name": "New name"}, **{"If-Match": read["ETag"]})
    regions = api("GET", "regions").json()["results"]

    assert read.json()["handle"] == organization.bootstrap.organization.handle
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["version"]) == (200, "New name", 2)
    assert [region["id"] for region in regions if region["here"]] == [config().region]


def test_a_handle_is_taken_once(db: None) -> None:
    taken = make_organization().bootstrap.organization.handle

    with pytest.raises(Exception, match="handle"):
        organization_bootstrap(handle=taken, name="Second", email="a@example.org", password="long enough for us")


def test_the_schema_describes_every_endpoint_and_both_ways_in(db: None) -> None:
    document = Api(None)("GET", "schema?format=json").json()

    assert document["openapi"].startswith("3.1")
    assert {"key", "session"} <= set(document["components"]["securitySchemes"])
    for path, methods in {
        "/api/workspaces": {"get", "post"},
        "/api/workspaces/{workspace_id}": {"get", "patch"},
        "/api/workspaces/{workspace_id}/serving-policy": {"get", "patch"},
        "/api/workspaces/{workspace_id}/keys/{key_id}/rotate": {"post"},
        "/api/members/{member_id}": {"get", "patch", "delete"},
    }.items():
        assert methods <= set(document["paths"][path]), path
