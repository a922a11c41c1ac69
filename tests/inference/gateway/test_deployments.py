from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pytest_django.plugin import DjangoDbBlocker

from bailiwick.embedded.cluster import Cluster
from cell.access import system_actor
from inference.engine.deployment import Deployment, DeploymentError, Stages
from inference.gateway import rollout
from inference.gateway.deployments import deployment_change, deployment_list
from tests.factories import make_organization
from tests.inference.gateway.test_api import api

OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def committed(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database without a transaction around the test: the auditor sees what the command committed."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def name() -> str:
    return f"chat-{uuid4().hex[:8]}"


def change(name: str, step: Any, serve: Any = lambda deployment: None) -> Deployment:
    return deployment_change(actor=system_actor("command"), name=name, change=step, serve=serve)


def stored(name: str) -> list[Deployment]:
    return [info.deployment for info in deployment_list() if info.deployment.name == name]


def entries(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute("select body from audit_entry where tree = 'cell' order by id").fetchall()
    bodies = [json.loads(bytes(body)) for (body,) in rows]
    return [body for body in bodies if body["action"] == "model.deployed" and body["targets"] == [name]]


def test_a_change_is_served_stored_and_recorded(name: str, cluster: Cluster) -> None:
    served: list[Deployment] = []

    change(name, lambda before: rollout.first(name, OLD), served.append)
    change(name, lambda before: rollout.canary(before, rollout.version(NEW), 0.25), served.append)

    assert stored(name) == [served[-1]]
    assert [len(deployment.versions) for deployment in served] == [1, 2]
    first, second = entries(cluster, name)
    assert (first["before"], first["after"]) == (None, {"model": name, "versions": {OLD: 1000}})
    assert second["before"] == first["after"]
    assert second["after"] == {"model": name, "versions": {OLD: 750, NEW: 250}}
    assert second["actor"]["type"] == "system"


def test_what_the_engine_refuses_has_not_happened(name: str, cluster: Cluster) -> None:
    def refuse(deployment: Deployment) -> None:
        raise DeploymentError("the engine will not")

    with pytest.raises(DeploymentError, match="will not"):
        change(name, lambda before: rollout.first(name, OLD), refuse)
    assert (stored(name), entries(cluster, name)) == ([], [])


def test_what_cannot_be_recorded_is_taken_back_from_the_engine(
    name: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Deployment] = []
    change(name, lambda before: rollout.first(name, OLD), served.append)
    monkeypatch.setattr("inference.gateway.deployments.fields", lambda deployment: {"told": "a word"})

    with pytest.raises(ValueError, match="does not list"):
        change(name, lambda before: rollout.canary(before, rollout.version(NEW), 0.25), served.append)

    assert served[-1] == served[0] == stored(name)[0]
    assert len(entries(cluster, name)) == 1


def test_a_deployment_keeps_its_name(name: str) -> None:
    with pytest.raises(DeploymentError, match="keeps its name"):
        change(name, lambda before: rollout.first("other", OLD))


def test_deployments_are_shown_to_whoever_may_see_them(name: str) -> None:
    change(name, lambda before: rollout.first(name, OLD))
    change(name, lambda before: rollout.promoted(rollout.canary(before, rollout.version(NEW), 0.25)))
    organization = make_organization()

    shown = api(organization.admin_key, "GET", "deployments")
    refused = api(organization.api_key, "GET", "deployments")

    (one,) = [deployment for deployment in shown.json() if deployment["name"] == name]
    assert one.pop("updated_at")
    assert one == {
        "name": name,
        "revision": 2,
        "versions": [{"digest": NEW, "share": 1.0, "artifact": None, "weights": None}],
        "previous": OLD,
        "stages": None,
        "cascade": None,
        "window": None,
    }
    assert refused.status_code == 403


def test_how_a_version_is_computed_and_how_far_its_canary_is_are_shown(name: str) -> None:
    made = rollout.compiled(OLD, NEW, "int8")
    change(name, lambda before: rollout.first(name, OLD))
    change(name, lambda before: rollout.staged(before, made, Stages(since=1_700_000_000.0)))

    shown = api(make_organization().admin_key, "GET", "deployments")

    (one,) = [deployment for deployment in shown.json() if deployment["name"] == name]
    assert one["versions"] == [
        {"digest": OLD, "share": 1.0, "artifact": None, "weights": None},
        {"digest": OLD, "share": 0.0, "artifact": NEW, "weights": "int8"},
    ]
    assert one["stages"] == {
        "stage": 0,
        "shares": [0.0, 0.01, 0.1, 0.5, 1.0],
        "since": "2023-11-14T22:13:20Z",
        "hold_s": 600.0,
        "least": 100,
    }
