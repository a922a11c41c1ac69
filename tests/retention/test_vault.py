from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from django.db import connection

from cell.config import config
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keys.envelope import EnvelopeError
from cell.keystore import custody
from cell.keystore.ring import KeyRing, KeyStoreUnavailable
from cell.tenancy import workspace_scope
from retention.models import Payload, Tombstone
from retention.payloads import payload_open
from retention.vault import STORES_PAYLOADS, Vault
from tests.factories import make_organization, make_workspace
from tests.retention.requests import ANSWER, PROMPT, payloads, serve

pytestmark = pytest.mark.usefixtures("committed")


def test_a_stored_payload_opens_in_its_workspace_and_nowhere_else():
    organization = make_organization()
    workspace, other = organization.workspace, make_workspace(organization)
    request = serve(workspace)
    opened = payload_open(workspace, request)
    assert opened is not None
    assert (opened.prompt, opened.answer) == (PROMPT, ANSWER)
    assert payload_open(other, request) is None
    assert payload_open(make_organization().workspace, request) is None
    assert payloads(workspace) == {request}
    assert payloads(other) == set()


def test_nothing_readable_is_in_the_table(cluster):
    workspace = make_organization().workspace
    request = serve(workspace)
    with psycopg.connect(cluster.url("bailiwick_owner"), autocommit=True) as owner:
        row = owner.execute(
            "select payload::text, prompt, answer from retention_payload payload where id = %s", [request]
        )
        text, prompt, answer = row.fetchone() or ("", b"", b"")
    assert request.hex in text.replace("-", "")
    assert "CANARY" not in text
    assert b"CANARY" not in prompt + answer
    assert b"CANARY".hex() not in text


def test_a_row_moved_to_another_request_does_not_open(cluster):
    workspace = make_organization().workspace
    one, two = serve(workspace), serve(workspace)
    with psycopg.connect(cluster.url("bailiwick_owner")) as owner:
        owner.execute(
            "update retention_payload set prompt = (select prompt from retention_payload where id = %s) where id = %s",
            [one, two],
        )
    assert payload_open(workspace, one) is not None
    with pytest.raises(EnvelopeError):
        payload_open(workspace, two)


def test_without_its_key_a_payload_is_gone():
    workspace = make_organization().workspace
    request = serve(workspace)
    custody.expire_data_keys(workspace.id, [request])
    assert payloads(workspace) == {request}
    assert payload_open(workspace, request) is None


def test_a_payload_of_an_erased_request_is_refused_and_its_audit_entry_is_not():
    workspace = make_organization().workspace
    request = uuid7()
    with workspace_scope(workspace):
        Tombstone.objects.create(
            request_id=request,
            workspace_id=workspace.id,
            organization_id=workspace.organization,
            erasure_id=uuid7(),
            fenced_at="2026-01-01T00:00:00Z",
        )
    serve(workspace, request)  # whose last entry would be refused too if the row were an error
    assert payloads(workspace) == set()
    with workspace_scope(workspace), connection.cursor() as cursor:
        cursor.execute("select count(*) from audit_entry where workspace_id = %s and kind in (1, 2)", [workspace.id])
        assert cursor.fetchone() == (2,)


def test_an_erased_key_means_nothing_to_store():
    workspace, request = make_organization().workspace, uuid7()
    custody.erase_data_keys(workspace.id, [request])
    serve(workspace, request)
    assert payloads(workspace) == set()


def test_without_the_key_store_nothing_is_stored():
    workspace = make_organization().workspace

    async def story() -> None:
        vault = Vault(KeyRing("host=/none dbname=x user=x", cell_keys()))
        await vault.prepare(workspace.id, workspace.organization, uuid7(), PROMPT, ANSWER)

    with pytest.raises(KeyStoreUnavailable):
        asyncio.run(story())


def test_a_payload_cannot_be_changed_or_removed_by_another_tenant():
    mine, theirs = make_organization().workspace, make_organization().workspace
    request = serve(mine)
    with workspace_scope(theirs):
        assert Payload.objects.filter(pk=request).delete()[0] == 0
    with psycopg.connect(config().database.conninfo) as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("update retention_payload set prompt = ''")
    assert payloads(mine) == {request}


def test_the_gateway_can_ask_whether_a_workspace_stores_payloads():
    workspace = make_organization().workspace
    with psycopg.connect(config().database.conninfo) as web:
        assert web.execute(STORES_PAYLOADS, [workspace.id]).fetchone() == (False,)
        assert web.execute(STORES_PAYLOADS, [replace(workspace, id=uuid7()).id]).fetchone() == (False,)
