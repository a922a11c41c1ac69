"""The operator publishes its sub-processors; every workspace's log tells of it; an owner acknowledges.

A version is never changed or deleted: the database gives nobody the right to. The notice is an entry in each workspace's own
tree, so that it is in the organization's exports with a proof of when it was given.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor, Environment, Scope, WorkspaceRef, system_actor
from cell.config import config
from cell.problems import Problem
from cell.telemetry import get_logger
from cell.tenancy import organization_scope, workspace_scope
from workspaces.access import require_owner
from workspaces.models import SubprocessorAcknowledgement, SubprocessorNotice, SubprocessorVersion
from workspaces.selectors import name_of
from workspaces.subprocessor_list import Changes, SubprocessorList, changes
from workspaces.subprocessors import SubprocessorsInfo, acknowledged, list_of, subprocessors_get

BUDGET_S = 45.0
"""What is left after this is done by the next run."""
_CHUNK = 500

logger = get_logger(__name__)


def subprocessors_publish(*, actor: Actor, document: SubprocessorList) -> SubprocessorsInfo:
    """Makes `document` the next version. Organizations hear of it by `subprocessors_announce`.

    Called by the operator's command. Raises Problem 409 if it says what the last version says.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtextextended('subprocessors', 20))")
        last = SubprocessorVersion.objects.order_by("-version").first()
        before = None if last is None else list_of(last)
        if before == document:
            raise Problem(409, "unchanged", f"This is what version {last.version if last else 0} says already.")
        at = timezone.now()
        row = SubprocessorVersion(
            version=1 if last is None else last.version + 1,
            document=msgspec.to_builtins(document),
            published_at=at,
            objections_until=at + timedelta(days=document.objection_days),
        )
        row.save(force_insert=True)
        log.record(
            actor=actor,
            action=Action.SUBPROCESSORS_PUBLISHED,
            after=_shown(row.version, document, changes(before, document)),
        )
    return subprocessors_get(row.version)


def subprocessors_announce(budget_s: float = BUDGET_S) -> int:
    """Writes the notice of each new version into the log of every workspace that was there before it, once. Returns how many.

    May be cut off anywhere and run beside itself.
    """
    deadline = time.monotonic() + budget_s
    announced = 0
    for row in SubprocessorVersion.objects.filter(announced_at__isnull=True).order_by("version"):
        before = SubprocessorVersion.objects.filter(version=row.version - 1).first()
        document = list_of(row)
        shown = _shown(row.version, document, changes(None if before is None else list_of(before), document))
        while due := _due(row.version):
            for workspace in due:
                announced += _announce(workspace, row.version, shown)
                if time.monotonic() >= deadline:
                    return announced
        SubprocessorVersion.objects.filter(version=row.version).update(announced_at=timezone.now())
        logger.info("subprocessors.announced", version=row.version, count=announced)
    return announced


def subprocessors_acknowledge(*, actor: Actor, organization: UUID, version: int) -> SubprocessorsInfo:
    """An owner has taken note of `version`, and of those before it. Doing it again changes nothing.

    Raises Problem: 404 if there is no such version, 403 for whoever is no owner.
    """
    info = subprocessors_get(version)
    require_owner(actor, "acknowledge a list of sub-processors")
    with organization_scope(organization):
        if acknowledged(organization) < version:
            SubprocessorAcknowledgement.objects.create(
                organization_id=organization,
                version=version,
                acknowledged_by=name_of(actor, organization),
                acknowledged_at=timezone.now(),
            )
            log.record(
                actor=actor,
                action=Action.SUBPROCESSORS_ACKNOWLEDGED,
                organization=organization,
                scope=Scope.WORKSPACES_WRITE,
                after={"version": version},
            )
    return info


def _announce(workspace: WorkspaceRef, version: int, shown: dict[str, object]) -> int:
    with workspace_scope(workspace):
        _, new = SubprocessorNotice.objects.get_or_create(
            version=version,
            workspace_id=workspace.id,
            defaults={"organization_id": workspace.organization, "announced_at": timezone.now()},
        )
        if new:
            log.record(
                actor=system_actor("job", workspace.organization),
                action=Action.SUBPROCESSORS_ANNOUNCED,
                workspace=workspace,
                after=shown,
            )
    return int(new)


def _due(version: int) -> list[WorkspaceRef]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select organization_id, workspace_id, environment from subprocessor_notices_due(%s, %s)", [version, _CHUNK]
        )
        rows = cursor.fetchall()
    region = config().region
    return [
        WorkspaceRef(workspace, organization, region, Environment(environment))
        for organization, workspace, environment in rows
    ]


def _shown(version: int, document: SubprocessorList, changed: Changes) -> dict[str, object]:
    """Figures: who they are stands in the list, which is kept for ever."""
    count = len(document.subprocessors)
    return {"version": version, "objection_days": document.objection_days, "count": count, **asdict(changed)}
