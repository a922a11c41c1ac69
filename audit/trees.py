"""Whose tree, and what its reader sees of it: a workspace its own, an organization some of the cell's, all the checkpoints'."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.entry import CELL_TREE
from audit.log import tree_of
from audit.models import AuditEntry
from cell.access import WorkspaceRef
from cell.tenancy import organization_scope, workspace_scope

SUPER_TREE = "checkpoints"
"""The tree whose leaves are checkpoints of the others."""
SHARED_TREES = (CELL_TREE, SUPER_TREE)
"""Trees whose leaves are of many tenants: everyone may see their hashes, and the contents of their own."""


@dataclass(frozen=True, slots=True)
class CellReader:
    """An organization that reads the cell's tree: its own entries there, and what the operator did to the cell for all."""

    organization: UUID


Reader = WorkspaceRef | CellReader


def tree_name(reader: Reader) -> str:
    return tree_of(reader) if isinstance(reader, WorkspaceRef) else CELL_TREE


def scope_of(reader: Reader) -> AbstractContextManager[None]:
    """The transaction in which the reader's rows are visible."""
    if isinstance(reader, WorkspaceRef):
        return workspace_scope(reader)
    return organization_scope(reader.organization)


def entries_of(reader: Reader) -> QuerySet[AuditEntry]:
    """What the reader may read, within `scope_of`. Row-level security says the same, and which entries of no organization."""
    if isinstance(reader, WorkspaceRef):
        return AuditEntry.objects.filter(workspace_id=reader.id)
    mine = Q(organization_id=reader.organization) | Q(organization_id__isnull=True)
    return AuditEntry.objects.filter(mine, workspace_id__isnull=True)
