from __future__ import annotations

import psycopg
import pytest
from django.db import ProgrammingError, connection, connections, transaction

from cell import jobs
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.jobs import handler
from cell.models import Job
from cell.tenancy import ROLES, ScopeError, grant, organization_scope, workspace_scope

pytestmark = pytest.mark.django_db

handler("test.nothing")(lambda lease: None)


def a_workspace() -> WorkspaceRef:
    return WorkspaceRef(uuid7(), uuid7(), config().region)


def test_the_serving_role_is_neither_superuser_nor_above_row_level_security():
    with connection.cursor() as cursor:
        cursor.execute("select current_user, rolsuper, rolbypassrls from pg_roles where rolname = current_user")
        assert cursor.fetchone() == ("bailiwick_web", False, False)
        cursor.execute("select count(*) from pg_tables where tableowner = current_user")
        assert cursor.fetchone() == (0,)


def test_every_table_of_a_tenant_is_forced_behind_row_level_security():
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct class.relname, class.relrowsecurity and class.relforcerowsecurity,"
            " exists (select from pg_policy where polrelid = class.oid)"
            " from pg_class class join pg_attribute attribute on attribute.attrelid = class.oid"
            " where class.relkind = 'r' and class.relnamespace = 'public'::regnamespace"
            " and attribute.attname in ('workspace_id', 'organization_id')"
        )
        tables = cursor.fetchall()
    assert {name for name, _, _ in tables} >= {"cell_job", "workspaces_workspace", "audit_entry", "retention_payload"}
    assert [name for name, forced, policy in tables if not (forced and policy)] == []


def test_nobody_may_truncate():
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name from information_schema.role_table_grants"
            " where privilege_type = 'TRUNCATE' and grantee in ('bailiwick_web', 'bailiwick_sealer', 'bailiwick_auditor', 'PUBLIC')"
        )
        assert cursor.fetchall() == []


def test_a_tenant_sees_its_own_rows_and_nothing_outside_of_a_scope():
    mine, theirs = a_workspace(), a_workspace()
    job = jobs.enqueue("test.nothing", workspace=mine, effect_key="one", args={})
    with workspace_scope(mine):
        assert jobs.status(job) is not None
    with workspace_scope(theirs):
        assert jobs.status(job) is None
        assert Job.objects.filter(pk=job).update(error="x") == 0
    with organization_scope(mine.organization):
        assert jobs.status(job) is None
    assert jobs.status(job) is None


def test_a_row_of_another_tenant_cannot_be_written():
    mine, theirs = a_workspace(), a_workspace()
    with workspace_scope(mine), pytest.raises(psycopg.errors.InsufficientPrivilege), connection.cursor() as cursor:
        raise_inner(cursor, theirs)


def raise_inner(cursor, theirs):
    try:
        with transaction.atomic():
            cursor.execute(
                "insert into cell_job (id, kind, organization_id, workspace_id, environment, args, effect_key, state,"
                " attempts, run_after, error, created_at)"
                " values (%s, 'x', %s, %s, 'production', '{}', 'k', 'queued', 0, now(), '', now())",
                [uuid7(), theirs.organization, theirs.id],
            )
    except ProgrammingError as error:
        raise error.__cause__ from None


def test_a_scope_is_not_opened_inside_another_tenants():
    mine = a_workspace()
    with workspace_scope(mine):
        with workspace_scope(mine):
            pass
        with pytest.raises(ScopeError), workspace_scope(a_workspace()):
            pass
        with pytest.raises(ScopeError), organization_scope(mine.organization):
            pass


def test_a_scope_that_failed_leaves_no_tenant_behind():
    mine = a_workspace()
    job = jobs.enqueue("test.nothing", workspace=mine, effect_key="one", args={})
    with pytest.raises(KeyError), workspace_scope(mine):
        raise KeyError
    assert jobs.status(job) is None


def test_the_identity_can_be_read_and_not_changed():
    with connection.cursor() as cursor:
        cursor.execute("select region from cell_identity")
        assert cursor.fetchone() == ("eu-de-1",)
    for statement in ("update cell_identity set region = 'us-va-1'", "delete from cell_identity"):
        with psycopg.connect(config().database.conninfo) as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute(statement)


def test_grants_name_known_roles():
    assert grant("a_table", ROLES[1], ["select"]) == "grant select on a_table to bailiwick_web"
    with pytest.raises(ValueError, match="unknown database role"):
        grant("a_table", "somebody", ["select"])


def test_the_aliases_are_those_whose_url_the_process_has():
    assert set(connections) == {"default", "keystore", "sealer", "auditor"}
