"""The job that makes an export: seal, copy, sign, store; then the row, its entry and the job's end in one transaction.

Cut off anywhere it is simply done again. Two exports of a workspace that are made at the same time cannot both continue the
same one: the second to finish is refused by the database and continues the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from audit import bundle
from audit.actions import Action
from audit.entry import now
from audit.exports import KIND, object_key
from audit.formats import Format
from audit.log import record
from audit.models import Export
from audit.packing import pack
from audit.stretches import next_stretch
from cell.access import WorkspaceRef, system_actor
from cell.ids import Tag
from cell.jobs import Lease, handler
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope

MOST_ENTRIES = 500_000
"""In one export, so that a worker is done with it well before its time limit; the next one continues."""
MOST_FORMATTED = 100_000
"""The same for one with formats: a line takes several times as long as its entry."""

log = get_logger(__name__)


def register_job() -> None:
    """Makes this process able to run exports. Once, from AppConfig.ready."""
    handler(KIND, lease_s=60.0, max_attempts=None, backoff_limit_s=60.0)(run)


def run(lease: Lease) -> Mapping[str, Any] | None:
    """Makes the export of the job. Returns its last state."""
    workspace = lease.workspace
    if workspace is None:
        raise ValueError("an export is of a workspace")
    row, previous = _read(workspace, UUID(lease.args["export"]))
    if row.state != Export.State.REQUESTED:
        return {"state": row.state}
    # A job from before there were formats names none.
    names = [Format(name) for name in lease.args.get("formats", "").split()]
    stretch = _stretch(workspace, row, previous, min(MOST_ENTRIES, MOST_FORMATTED) if names else MOST_ENTRIES)
    try:
        packed = pack(lease, workspace, stretch, names, object_key(row.id))
    except bundle.LogDamaged:
        log.error("audit.export.damaged", export=str(row.id), workspace=str(workspace.id))
        return _finish(lease, workspace, row, state=Export.State.FAILED)
    return _finish(
        lease,
        workspace,
        row,
        state=Export.State.READY,
        previous=None if previous is None else previous.id,
        first=stretch.first,
        end=stretch.end,
        **packed._asdict(),
    )


def _read(workspace: WorkspaceRef, export: UUID) -> tuple[Export, Export | None]:
    """The export's row, and the last of those that are ready."""
    with workspace_scope(workspace):
        rows = Export.objects.filter(workspace_id=workspace.id)
        continued = rows.filter(state=Export.State.READY, previous__isnull=False).values("previous")
        return rows.get(pk=export), rows.filter(state=Export.State.READY).exclude(pk__in=continued).first()


def _stretch(workspace: WorkspaceRef, row: Export, previous: Export | None, most: int) -> bundle.Stretch:
    first, manifest = (0, None) if previous is None else (previous.end or 0, previous.manifest_sha256)
    return next_stretch(
        workspace,
        asked_at=row.requested_at,
        first=first,
        previous_manifest=None if manifest is None else bytes(manifest),
        most=most,
    )


def _finish(
    lease: Lease, workspace: WorkspaceRef, row: Export, *, state: Export.State, **columns: Any
) -> Mapping[str, Any]:
    shown: dict[str, object] = {"state": state.value}
    if state is Export.State.READY:
        shown |= {
            "first": columns["first"],
            "end": columns["end"],
            "entries": columns["end"] - columns["first"],
            "manifest_sha256": columns["manifest_sha256"].hex(),
            "bytes": columns["size_bytes"],
        }
    with lease.transaction():
        Export.objects.filter(workspace_id=workspace.id, pk=row.id).update(state=state, completed_at=now(), **columns)
        record(
            actor=system_actor("job", workspace.organization),
            action=Action.EXPORT_COMPLETED,
            workspace=workspace,
            targets=[(Tag.EXPORT, row.id)],
            before={"state": row.state},
            after=shown,
        )
        lease.complete({"state": state.value})
    return {"state": state.value}
