"""Organizations: making one that can be used at once, and renaming it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit import log
from audit.actions import Action
from cell.access import Actor, Environment, Scope, system_actor
from cell.ids import Tag, uuid7
from cell.problems import Problem
from cell.tenancy import organization_scope
from workspaces.contracts import Bootstrap, OrganizationInfo
from workspaces.models import Member, Organization
from workspaces.permissions import OrganizationRole
from workspaces.selectors import member_info, organization_info
from workspaces.services.changes import apply_changes, validate
from workspaces.services.keys import MOST_DAYS, key_issue
from workspaces.services.workspaces import workspace_create
from workspaces.sign_on import new_totp_secret, seal_totp, totp_text

INFERENCE_SCOPES = frozenset({Scope.INFERENCE_CHAT, Scope.INFERENCE_EMBEDDINGS, Scope.MODELS_READ})
"""Of a new organization's first inference key."""
CHANGEABLE = frozenset({"name", "address", "contact", "representative", "dpo"})


def organization_bootstrap(
    *,
    handle: str,
    name: str,
    email: str,
    password: str,
    owner_name: str = "Owner",
    workspace_name: str = "First workspace",
    environment: Environment = Environment.PRODUCTION,
    key_life: timedelta = timedelta(days=MOST_DAYS),
) -> Bootstrap:
    """A new organization with its owner, a workspace in this cell's region, an inference key of it, and a management key.

    Called by the operator's commands, in a process that is configured as the web role and outside of any scope; it commits
    by itself, all or nothing. `handle` names the organization at sign-in (letters, digits, hyphens; unique in the cell);
    `password` is the owner's, at least 12 characters. The answer holds the only copies of the TOTP secret and both keys.

    Raises Problem: 400 if a value is not valid, 409 if the handle is taken.
    """
    organization_id = uuid7()
    # Every scope, so that it can give the owner and the first keys theirs; it is the cell itself, run by its operator.
    operator = replace(system_actor("command", organization_id), scopes=frozenset(Scope))
    secret = new_totp_secret()
    with organization_scope(organization_id):
        organization = _insert_organization(organization_id, handle, name)
        owner = _insert_owner(organization, email, owner_name, password, secret)
        log.record(
            actor=operator,
            action=Action.ORGANIZATION_CREATED,
            organization=organization_id,
            targets=[(Tag.ORGANIZATION, organization_id)],
            after={"state": "active"},
        )
        log.record(
            actor=operator,
            action=Action.MEMBER_CREATED,
            organization=organization_id,
            scope=Scope.MEMBERS_WRITE,
            targets=[(Tag.MEMBER, owner.id)],
            after={"role": owner.role, "state": "active", "totp": True},
        )
        workspace = workspace_create(
            actor=operator, organization=organization_id, name=workspace_name, environment=environment
        )
        keys = [
            key_issue(
                actor=operator,
                organization=organization_id,
                workspace=None,
                name="Management",
                scopes=frozenset(Scope),
                days=key_life.days,
            ),
            key_issue(
                actor=operator,
                organization=organization_id,
                workspace=workspace.ref,
                name="Inference",
                scopes=INFERENCE_SCOPES,
                days=key_life.days,
            ),
        ]
        return Bootstrap(
            organization=organization_info(organization),
            owner=member_info(owner),
            workspace=workspace,
            totp_secret=totp_text(secret),
            api_key=keys[1].token,
            admin_key=keys[0].token,
        )


def organization_update(
    *, actor: Actor, organization: UUID, changes: Mapping[str, Any], expected_version: int | None = None
) -> OrganizationInfo:
    """Renames the organization, or says how it is reached. Raises Problem: 400, 412."""
    if unknown := sorted(set(changes) - CHANGEABLE):
        raise Problem(400, "not-changeable", f"These fields cannot be changed: {', '.join(unknown)}.")
    with organization_scope(organization):
        row = Organization.objects.select_for_update().get(id=organization)
        _, after = apply_changes(row, changes, expected_version=expected_version)
        if after:
            log.record(
                actor=actor,
                action=Action.ORGANIZATION_UPDATED,
                organization=organization,
                scope=Scope.WORKSPACES_WRITE,
                targets=[(Tag.ORGANIZATION, organization)],
            )
        return organization_info(row)


def _insert_organization(number: UUID, handle: str, name: str) -> Organization:
    row = Organization(id=number, handle=handle.lower(), name=name)
    validate(row)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Problem(409, "handle-taken", "An organization of this cell has this handle. Choose another.") from error
    return row


def _insert_owner(organization: Organization, email: str, name: str, password: str, secret: bytes) -> Member:
    row = Member(organization=organization, email=email.strip().lower(), name=name, role=OrganizationRole.OWNER.value)
    try:
        validate_password(password, row)
    except ValidationError as error:
        raise Problem(400, "invalid", "The password is not strong enough.", errors=error.messages) from error
    row.set_password(password)
    row.totp_secret = seal_totp(row.id, secret)
    validate(row)
    row.save(force_insert=True)
    return row
