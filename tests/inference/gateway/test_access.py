"""The access matrix of `/v1`: every path × method × key. tests/test_access_matrix has the management API's.

The table says what is meant; a path that is missing from it fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import httpx
import pytest

from cell.access import Scope
from tests.factories import make_key, make_organization
from tests.inference.gateway.serving import Served

CHAT, EMBEDDINGS = frozenset({Scope.INFERENCE_CHAT}), frozenset({Scope.INFERENCE_EMBEDDINGS})

PATHS: Mapping[str, tuple[str, frozenset[Scope]]] = {
    "/v1/chat/completions": ("POST", CHAT),
    "/v1/completions": ("POST", CHAT),
    "/v1/embeddings": ("POST", EMBEDDINGS),
    "/v1/models": ("GET", CHAT | EMBEDDINGS | {Scope.MODELS_READ}),
}
"""Path → method, and the scopes any one of which lets in."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def keys(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, tuple[str, frozenset[Scope]]]]:
    """Name → token and scopes: a key for each scope, a whole one, and a whole one of somebody else."""
    with django_db_blocker.unblock():
        home, stranger, every = make_organization(), make_organization(), frozenset(Scope)
        made = {
            scope.value: (make_key(home, home.workspace, scopes={scope}).token, frozenset({scope})) for scope in Scope
        }
        made["everything"] = (make_key(home, home.workspace).token, every)
        made["a stranger's"] = (make_key(stranger, stranger.workspace).token, every)
        made["management"] = (make_key(home).token, frozenset[Scope]())
    yield made


def test_every_path_has_a_row(served: Served) -> None:
    assert served.application.paths == set(PATHS)


def test_who_gets_in(served: Served, keys: dict[str, tuple[str, frozenset[Scope]]]) -> None:
    wrong = []
    with httpx.Client(base_url=served.url) as client:
        for (path, (right_method, scopes)), method in product(PATHS.items(), METHODS):
            for name, (token, held) in keys.items():
                status = client.request(
                    method, path, headers={"Authorization": f"Bearer {token}"}, content=b"{}"
                ).status_code
                right = 405 if method != right_method else 403 if held.isdisjoint(scopes) else ALLOWED[method]
                if status != right:
                    wrong.append(f"{name}: {method} {path} answered {status}, not {right}")

    assert wrong == []


ALLOWED = {"GET": 200, "POST": 400}
"""An empty body is read, and refused for what it lacks, only from those who may."""


@pytest.mark.parametrize("authorization", [None, "Bearer sk-eude1-nonsense", "Basic eDp5", "Bearer"])
def test_nobody_gets_in_without_a_key(served: Served, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    with httpx.Client(base_url=served.url, headers=headers) as client:
        statuses = {client.request(method, path).status_code for path, (method, _) in PATHS.items()}

    assert statuses == {401}
