"""Everything that changes: each service opens the tenant's scope, writes, and leaves its audit entry in one transaction."""

from workspaces.services.agreements import agreement_accept
from workspaces.services.keys import key_issue, key_revoke, key_rotate
from workspaces.services.members import (
    member_invite,
    member_remove,
    member_update,
    membership_remove,
    membership_set,
)
from workspaces.services.organizations import organization_bootstrap, organization_update
from workspaces.services.serving import serving_update
from workspaces.services.subprocessors import subprocessors_acknowledge, subprocessors_announce, subprocessors_publish
from workspaces.services.workspaces import workspace_access, workspace_close, workspace_create, workspace_update

__all__ = [
    "agreement_accept",
    "key_issue",
    "key_revoke",
    "key_rotate",
    "member_invite",
    "member_remove",
    "member_update",
    "membership_remove",
    "membership_set",
    "organization_bootstrap",
    "organization_update",
    "serving_update",
    "subprocessors_acknowledge",
    "subprocessors_announce",
    "subprocessors_publish",
    "workspace_access",
    "workspace_close",
    "workspace_create",
    "workspace_update",
]
