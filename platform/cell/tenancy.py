"""The second wall: every tenant table is read through PostgreSQL row-level security.

`workspace_scope` and `organization_scope` set the tenant **for one transaction**; outside of one, a query on a tenant table
returns nothing. Session-level settings are never used: on a pooled connection they would show the next caller this tenant's
rows. A scope is never held while waiting for an engine or a stream: scope in, read or write, scope out.

The web role owns nothing, is no superuser and has no BYPASSRLS; migrations run as the owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from django.db import connections, transaction

from cell.access import WorkspaceRef

OWNER, WEB, SEALER, AUDITOR = "bailiwick_owner", "bailiwick_web", "bailiwick_sealer", "bailiwick_auditor"
"""Database roles. The owner migrates (BYPASSRLS); web serves; the sealer alone may number entries; the auditor only reads."""

ROLES = (OWNER, WEB, SEALER, AUDITOR)


class ScopeError(RuntimeError):
    """A scope was opened inside the scope of another tenant."""


@dataclass(frozen=True, slots=True)
class _Tenant:
    organization: UUID
    workspace: UUID | None
    using: str


_current: ContextVar[_Tenant | None] = ContextVar("tenant", default=None)


@contextmanager
def workspace_scope(workspace: WorkspaceRef, *, using: str = "default") -> Iterator[None]:
    """One transaction that sees the rows of `workspace` (and its organization's own) and no others."""
    with _scope(_Tenant(workspace.organization, workspace.id, using)):
        yield


@contextmanager
def organization_scope(organization: UUID, *, using: str = "default") -> Iterator[None]:
    """One transaction that sees the organization's own rows: its workspaces, members and management keys."""
    with _scope(_Tenant(organization, None, using)):
        yield


@contextmanager
def _scope(tenant: _Tenant) -> Iterator[None]:
    outer = _current.get()
    if outer is not None:
        if outer != tenant:
            raise ScopeError("a scope cannot be opened inside the scope of another tenant")
        yield  # the same tenant again: the outer transaction is ours already
        return
    token = _current.set(tenant)
    try:
        with transaction.atomic(using=tenant.using, durable=True):
            _set_tenant(tenant.using, str(tenant.organization), str(tenant.workspace or ""))
            try:
                yield
            finally:
                # Inside an outer test transaction the settings would outlive the scope; a broken transaction clears itself.
                if not connections[tenant.using].needs_rollback:
                    _set_tenant(tenant.using, "", "")
    finally:
        _current.reset(token)


def _set_tenant(using: str, organization: str, workspace: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "select set_config('app.organization_id', %s, true), set_config('app.workspace_id', %s, true)",
            [organization, workspace],
        )


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the database itself says about the second wall."""

    tables: int
    """Tables with a tenant's column."""
    isolated: int
    """Those of them on which row-level security is enabled and forced, with a policy."""
    bypassed: bool
    """Whether the role of this process is above it."""


def isolation(*, using: str = "default") -> Isolation:
    with connections[using].cursor() as cursor:
        cursor.execute(_ISOLATION)
        return Isolation(*cursor.fetchone())


_ISOLATION = """
select count(*), count(*) filter (where c.relrowsecurity and c.relforcerowsecurity
    and exists (select from pg_policy p where p.polrelid = c.oid)),
    (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and exists (
    select from pg_attribute a
    where a.attrelid = c.oid and not a.attisdropped and a.attname in ('workspace_id', 'organization_id'))
"""


def isolate(table: str, column: str = "workspace_id") -> list[str]:
    """SQL statements for a migration: only the rows of the current tenant are seen or written.

    `column` is `workspace_id` or `organization_id`. After a transaction the setting is '' and not NULL, hence nullif.
    """
    setting = {"workspace_id": "app.workspace_id", "organization_id": "app.organization_id"}[column]
    mine = f"{column} = nullif(current_setting('{setting}', true), '')::uuid"
    return [
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy tenant on {table} using ({mine}) with check ({mine})",
    ]


def grant(table: str, role: str, privileges: Sequence[str]) -> str:
    """SQL for a migration. TRUNCATE is never granted: it ignores row-level security."""
    if role not in ROLES:
        raise ValueError(f"unknown database role {role}")
    return f"grant {', '.join(privileges)} on {table} to {role}"
