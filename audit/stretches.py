"""The next stretch of a workspace's log, for whoever takes it away: an export, or a delivery of a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from audit import bundle, proofs, supertree
from audit.checkpoint import origin
from audit.cosigning.demand import NEWEST, cosign_soon
from audit.entry import timestamp
from audit.log import tree_of
from audit.models import AuditEntry
from audit.sealer import seal_tree
from audit.selectors import entry_bodies
from audit.signing import signed_now
from audit.trees import SUPER_TREE
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged
from cell.jobs import Again, Lease
from cell.tenancy import workspace_scope

CHUNK = 5_000
"""Entries read in one transaction."""
_SEALED_SOON_S = 0.5


def next_stretch(
    workspace: WorkspaceRef, *, asked_at: datetime, first: int, previous_manifest: bytes | None, most: int
) -> bundle.Stretch:
    """From `first` to what is sealed now, or about `most` entries of it: up to a checkpoint.

    What was written until `asked_at` has to be sealed first, so that the request itself is in it. Raises Again until it is.
    Witnesses are asked for exactly its checkpoints, and those who answer in a moment have co-signed them.
    """
    tree = tree_of(workspace)
    seal_tree(tree)
    with workspace_scope(workspace):
        if AuditEntry.objects.filter(tree=tree, seq__isnull=True, occurred_at__lte=asked_at).exists():
            raise Again(_SEALED_SOON_S)
        end = proofs.checkpoint(workspace, at_most=first + most).size
    supertree.seal_checkpoint(tree, end)
    cosign_soon((tree, end), (SUPER_TREE, NEWEST))
    with workspace_scope(workspace):
        new = proofs.checkpoint(workspace, size=end)
        old = proofs.checkpoint(workspace, size=first) if first else None
        proof = proofs.consistency(workspace, first, second=new.size) if first else None
    listed = proofs.super_inclusion(workspace, size=new.size)
    cell, region = config().cell, config().region
    return bundle.Stretch(
        cell=cell,
        region=region,
        organization=tagged(Tag.ORGANIZATION, cell, workspace.organization),
        workspace=tree,
        origin=origin(region, tree),
        requested_at=timestamp(asked_at),
        first=first,
        end=new.size,
        range=b"" if old is None else old.range,
        # The keys of now vouch for what may have been signed before they were.
        old_checkpoint=None if old is None else signed_now(old.note),
        new_checkpoint=signed_now(new.note),
        new_root=new.root,
        consistency=() if proof is None else proof.path,
        previous_manifest_sha256=None if previous_manifest is None else previous_manifest.hex(),
        cell_proof=listed.tlog_proof,
    )


def bodies(lease: Lease, workspace: WorkspaceRef, stretch: bundle.Stretch) -> Iterator[bytes]:
    """The entries' bytes in the order of the log; the lease is extended on the way."""
    for start in range(stretch.first, stretch.end, CHUNK):
        found = entry_bodies(workspace, start, min(start + CHUNK, stretch.end))
        lease.extend()
        yield from found
