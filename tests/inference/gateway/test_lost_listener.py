"""A process that hears of no changes any more still refuses a revoked key within a second or two."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.factories import Organization, make_key
from tests.inference.gateway.serving import Served
from workspaces.services import key_revoke


def test_a_revoked_key_is_refused_though_nobody_listens(
    served: Served, organization: Organization, django_db_blocker: Any
) -> None:
    # Given a key that the gateway knows, and a listener that is gone for good
    with django_db_blocker.unblock():
        key = make_key(organization, organization.workspace)
    assert _models(served, key.token) == 200
    running = served.application._running
    assert running is not None
    served.loop.call_soon_threadsafe(running.listening.cancel)
    # When the key is revoked
    with django_db_blocker.unblock():
        key_revoke(
            actor=organization.owner, organization=organization.id, workspace=organization.workspace, key=key.key.id
        )
    revoked_at = time.monotonic()
    # Then it is refused once the last proof that the listener worked is a second old
    while _models(served, key.token) == 200:
        assert time.monotonic() - revoked_at < 2
        time.sleep(0.02)


def _models(served: Served, token: str) -> int:
    return httpx.get(f"{served.url}/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code
