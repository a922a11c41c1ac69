"""Workspaces that store payloads: what is kept, that it is redacted and sealed, and that nothing is answered unstored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import connections

from cell.keystore import custody
from retention.payloads import payload_open
from retention.policies import retention_policy, retention_policy_set
from tests.factories import Organization, make_organization
from tests.inference.gateway.scripted import CHAT
from tests.inference.gateway.serving import Served

QUESTION = {"role": "user", "content": "Write to anna@example.org."}


@pytest.fixture(scope="module")
def storing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Organization]:
    with django_db_blocker.unblock():
        organization = make_organization()
        policy = retention_policy(organization.workspace)
        retention_policy_set(
            actor=organization.owner,
            workspace=organization.workspace,
            store_payloads=True,
            payload_days=14,
            reason="",
            expected_version=policy.version,
        )
        yield organization


@pytest.fixture
def committed(django_db_blocker: Any) -> Iterator[None]:
    """Django may read what the served gateway committed."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.usefixtures("committed")
def test_what_is_stored_is_redacted_and_sealed(served: Served, storing: Organization, stream: bool) -> None:
    answer = ask(served, storing, stream=stream)

    stored = payload_open(storing.workspace, UUID(hex=answer.headers["x-request-id"].rsplit("_", 1)[1]))
    assert answer.status_code == 200
    assert stored is not None
    assert json.loads(stored.prompt)[0]["messages"][0]["content"] == "Write to [[EMAIL_1]]."
    assert len(json.loads(stored.answer)) == 1
    assert b"anna" not in stored.prompt + stored.answer


@pytest.mark.usefixtures("committed")
def test_a_workspace_that_does_not_store_has_nothing(served: Served, organization: Organization) -> None:
    answer = ask(served, organization, stream=False)

    assert payload_open(organization.workspace, UUID(hex=answer.headers["x-request-id"].rsplit("_", 1)[1])) is None


@pytest.mark.usefixtures("committed")
def test_a_workspace_whose_key_is_destroyed_gets_no_answer_that_is_not_stored(served: Served) -> None:
    organization = make_organization()
    retention_policy_set(
        actor=organization.owner,
        workspace=organization.workspace,
        store_payloads=True,
        payload_days=14,
        reason="",
        expected_version=0,
    )
    custody.destroy_workspace_key(organization.workspace.id)

    answer = ask(served, organization, stream=False)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "key_store_unavailable")


def ask(served: Served, organization: Organization, *, stream: bool) -> httpx.Response:
    body = {"model": CHAT, "messages": [QUESTION], "max_tokens": 5, "stream": stream}
    headers = {"Authorization": f"Bearer {organization.api_key}"}
    return httpx.post(f"{served.url}/v1/chat/completions", json=body, headers=headers, timeout=20)
