"""The permission table: which role holds which scopes. It is data; what is not in it is not allowed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from cell.access import Scope as S


class OrganizationRole(StrEnum):
    """What a member is in the organization; its scopes hold in every workspace of it."""

    OWNER = "owner"
    SECURITY_ADMIN = "security-admin"
    BILLING = "billing"
    MEMBER = "member"
    """Nothing by itself: such a member works through roles in workspaces."""


class WorkspaceRole(StrEnum):
    """What a member is in one workspace."""

    ADMIN = "admin"
    DEVELOPER = "developer"
    AUDITOR = "auditor"
    """Reads and exports the audit log, and nothing else."""
    DPO = "dpo"
    """The data protection officer: erasures and what is needed to decide on them."""
    VIEWER = "viewer"


ORGANIZATION_SCOPES: Mapping[OrganizationRole, frozenset[S]] = MappingProxyType(
    {
        OrganizationRole.OWNER: frozenset(S),
        OrganizationRole.SECURITY_ADMIN: frozenset(
            {
                S.MODELS_READ,
                S.WORKSPACES_READ,
                S.WORKSPACES_WRITE,
                S.KEYS_READ,
                S.KEYS_WRITE,
                S.MEMBERS_READ,
                S.MEMBERS_WRITE,
                S.REDACTION_READ,
                S.REDACTION_WRITE,
                S.RETENTION_READ,
                S.RETENTION_WRITE,
                S.ERASURES_READ,
                S.AUDIT_READ,
                S.AUDIT_EXPORT,
                S.DEPLOYMENTS_READ,
            }
        ),
        OrganizationRole.BILLING: frozenset({S.WORKSPACES_READ}),
        OrganizationRole.MEMBER: frozenset(),
    }
)

WORKSPACE_SCOPES: Mapping[WorkspaceRole, frozenset[S]] = MappingProxyType(
    {
        WorkspaceRole.ADMIN: frozenset(S) - {S.DEPLOYMENTS_WRITE},
        WorkspaceRole.DEVELOPER: frozenset(
            {
                S.INFERENCE_CHAT,
                S.INFERENCE_EMBEDDINGS,
                S.MODELS_READ,
                S.WORKSPACES_READ,
                S.KEYS_READ,
                S.KEYS_WRITE,
                S.MEMBERS_READ,
                S.REDACTION_READ,
                S.RETENTION_READ,
            }
        ),
        WorkspaceRole.AUDITOR: frozenset({S.AUDIT_READ, S.AUDIT_EXPORT}),
        WorkspaceRole.DPO: frozenset(
            {
                S.WORKSPACES_READ,
                S.REDACTION_READ,
                S.RETENTION_READ,
                S.ERASURES_READ,
                S.ERASURES_WRITE,
                S.AUDIT_READ,
            }
        ),
        WorkspaceRole.VIEWER: frozenset(
            {S.MODELS_READ, S.WORKSPACES_READ, S.MEMBERS_READ, S.REDACTION_READ, S.RETENTION_READ}
        ),
    }
)
