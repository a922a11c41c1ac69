"""The job that makes an export: seal, copy, sign, store; then the row, its entry and the job's end in one transaction.

Cut off anywhere it is simply done again. Two exports of a workspace that are made at the same time cannot both continue the
same one: the second to finish is refused by the database and continues the first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from audit import bundle, proofs, supertree, ustar
from audit.actions import Action
from audit.checkpoint import origin
from audit.entry import now, timestamp
from audit.exports import KIND, object_key
from audit.formats import Format, Log, forms
from audit.log import record, tree_of
from audit.models import AuditEntry, Export
from audit.sealer import seal_tree
from audit.selectors import entry_bodies
from audit.signing import signed_now, signers
from cell.access import WorkspaceRef, system_actor
from cell.config import config
from cell.ids import Tag, tagged
from cell.jobs import Again, Lease, handler
from cell.objects import store
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope

MOST_ENTRIES = 500_000
"""In one export, so that a worker is done with it well before its time limit; the next one continues."""
_CHUNK = 5_000
"""Entries read in one transaction."""
_SEALED_SOON_S = 0.5

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
    stretch = _stretch(workspace, row, previous)
    with tempfile.TemporaryDirectory(prefix="export-", dir=config().home) as name:
        folder = Path(name, "files")
        folder.mkdir()
        try:
            # A job from before there were formats names none.
            chosen = forms(map(Format, lease.args.get("formats", "").split()), Log(stretch.region, stretch.origin))
            manifest = bundle.write(folder, stretch, _bodies(lease, workspace, stretch), signers(), chosen)
        except bundle.LogDamaged:
            log.error("audit.export.damaged", export=str(row.id), workspace=str(workspace.id))
            return _finish(lease, workspace, row, state=Export.State.FAILED)
        packed = Path(name, "export.tar")
        with packed.open("w+b") as file:
            ustar.pack(folder, file)
            file.seek(0)
            stored = store().put(object_key(row.id), file)
    return _finish(
        lease,
        workspace,
        row,
        state=Export.State.READY,
        previous=None if previous is None else previous.id,
        first=stretch.first,
        end=stretch.end,
        manifest_sha256=bytes.fromhex(manifest),
        size_bytes=stored.size,
    )


def _read(workspace: WorkspaceRef, export: UUID) -> tuple[Export, Export | None]:
    """The export's row, and the last of those that are ready."""
    with workspace_scope(workspace):
        rows = Export.objects.filter(workspace_id=workspace.id)
        continued = rows.filter(state=Export.State.READY, previous__isnull=False).values("previous")
        return rows.get(pk=export), rows.filter(state=Export.State.READY).exclude(pk__in=continued).first()


def _stretch(workspace: WorkspaceRef, row: Export, previous: Export | None) -> bundle.Stretch:
    """From the end of the export before it to what is sealed now, or as far as one export goes.

    The request for this one has to be sealed first, so that it is in it.
    """
    tree = tree_of(workspace)
    seal_tree(tree)
    with workspace_scope(workspace):
        waiting = AuditEntry.objects.filter(tree=tree, seq__isnull=True, occurred_at__lte=row.requested_at)
        if waiting.exists():
            raise Again(_SEALED_SOON_S)
        first = previous.end if previous is not None and previous.end is not None else 0
        new = proofs.checkpoint(workspace, at_most=first + MOST_ENTRIES)
        old = proofs.checkpoint(workspace, size=first) if first else None
        proof = proofs.consistency(workspace, first, second=new.size) if first else None
    supertree.seal_checkpoint(tree, new.size)
    listed = proofs.super_inclusion(workspace, size=new.size)
    cell, region = config().cell, config().region
    return bundle.Stretch(
        cell=cell,
        region=region,
        organization=tagged(Tag.ORGANIZATION, cell, workspace.organization),
        workspace=tree,
        origin=origin(region, tree),
        requested_at=timestamp(row.requested_at),
        first=first,
        end=new.size,
        range=b"" if old is None else old.range,
        # The keys of now vouch for what may have been signed before they were.
        old_checkpoint=None if old is None else signed_now(old.note),
        new_checkpoint=signed_now(new.note),
        new_root=new.root,
        consistency=() if proof is None else proof.path,
        previous_manifest_sha256=None
        if previous is None or previous.manifest_sha256 is None
        else bytes(previous.manifest_sha256).hex(),
        cell_proof=listed.tlog_proof,
    )


def _bodies(lease: Lease, workspace: WorkspaceRef, stretch: bundle.Stretch) -> Iterator[bytes]:
    for start in range(stretch.first, stretch.end, _CHUNK):
        bodies = entry_bodies(workspace, start, min(start + _CHUNK, stretch.end))
        lease.extend()
        yield from bodies


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
