from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, transaction

from cell.ids import uuid7
from cell.tenancy import organization_scope
from tests.factories import make_organization
from workspaces.models import Key, Member, Organization, Workspace

pytestmark = pytest.mark.django_db


def test_we_are_neither_superuser_nor_above_row_level_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user")

        assert cursor.fetchone() == (False, False, False)


def test_every_table_of_a_tenant_is_isolated() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relkind in ('r', 'p')
            and exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
                        and a.attname in ('workspace_id', 'organization_id'))
            """
        )
        tenants = {name for (name,) in cursor.fetchall()} | {"workspaces_organization"}
        cursor.execute(
            """
            select c.relname::text from pg_class c
            where c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid)
            """
        )
        isolated = {name for (name,) in cursor.fetchall()}

    assert {"workspaces_workspace", "workspaces_member", "workspaces_membership", "workspaces_key"} <= tenants
    assert tenants - isolated == set()


@pytest.mark.parametrize("model", [Organization, Workspace, Member, Key])
def test_rows_are_seen_in_their_own_scope_only(model: type) -> None:
    one, other = make_organization(), make_organization()

    with organization_scope(one.id):
        mine = set(model.objects.values_list("id", flat=True))
    with organization_scope(other.id):
        theirs = set(model.objects.values_list("id", flat=True))

    assert mine
    assert theirs
    assert not mine & theirs
    assert not model.objects.exists()


def test_a_row_that_points_into_another_organization_cannot_be_stored() -> None:
    one, other = make_organization(), make_organization()

    with pytest.raises(Exception, match="key_workspace"), organization_scope(one.id), transaction.atomic():
        Key.objects.create(
            key_id="000000000000",
            organization_id=one.id,
            workspace_id=other.workspace.id,
            name="Stolen",
            secret_hash=bytes(32),
            scopes=[],
            expires_at="2100-01-01T00:00Z",
        )


def test_a_workspace_of_another_region_cannot_be_stored() -> None:
    organization = make_organization()

    with (
        pytest.raises(Exception, match="workspace_in_this_cell"),
        organization_scope(organization.id),
        transaction.atomic(),
    ):
        Workspace.objects.create(
            organization_id=organization.id, name="Elsewhere", environment="production", region="us-1"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "update workspaces_workspace set region = region",
        "update workspaces_key set scopes = '{inference:chat}'",
        "update workspaces_key set secret_hash = secret_hash",
        "update workspaces_member set organization_id = organization_id",
        "delete from workspaces_workspace",
        "delete from workspaces_key",
        "truncate workspaces_key",
        "alter table workspaces_key disable row level security",
    ],
)
def test_the_web_role_cannot_do_what_no_service_does(statement: str) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_unknown_key_id_resolves_to_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select * from resolve_key(%s)", ["' or true --"])
        assert cursor.fetchall() == []
        cursor.execute("select touch_key(%s), organization_of_member(%s)", [uuid7(), uuid7()])
        assert cursor.fetchone() == (False, None)
