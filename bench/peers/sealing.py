"""``python -m bench.peers.sealing COUNT FOLDER``: logs COUNT entries of one workspace, seals them, exports them to FOLDER and
verifies that; prints entries a second of sealing and of verifying as a JSON list. The database is the environment's.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from time import perf_counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from audit import bundle, proofs  # noqa: E402  # Django has to be set up first
from audit.actions import Action  # noqa: E402
from audit.checkpoint import origin  # noqa: E402
from audit.entry import EntryActor, Kind, inference_entry, now  # noqa: E402
from audit.groupcommit import GroupCommit, Item  # noqa: E402
from audit.log import tree_of  # noqa: E402
from audit.models import AuditEntry  # noqa: E402
from audit.sealer import seal_tree  # noqa: E402
from audit.signing import signers  # noqa: E402
from audit.verifier.export import verify_export  # noqa: E402
from cell.access import WorkspaceRef  # noqa: E402
from cell.config import config  # noqa: E402
from cell.ids import Tag, tagged, uuid7  # noqa: E402
from cell.tenancy import workspace_scope  # noqa: E402


def main(count: int, folder: Path) -> None:
    workspace = WorkspaceRef(uuid7(), uuid7(), config().region)
    asyncio.run(_log(workspace, count))
    began = perf_counter()
    if seal_tree(tree_of(workspace)) != count:
        raise RuntimeError("not every entry was sealed")
    sealing = perf_counter() - began
    _export(workspace, folder)
    began = perf_counter()
    verify_export(folder)
    verifying = perf_counter() - began
    sys.stdout.write(json.dumps([count / sealing, count / verifying]))


async def _log(workspace: WorkspaceRef, count: int) -> None:
    cell, tree = config().cell, tree_of(workspace)
    organization = tagged(Tag.ORGANIZATION, cell, workspace.organization)
    actor = EntryActor(auth="key", id=None, key=tagged(Tag.KEY, cell, uuid7()), type="key")
    commits = GroupCommit(config().database.conninfo, limit=count)
    await commits.start()
    waiting = []
    for _ in range(count):
        number, at = uuid7(), now()
        entry = inference_entry(
            action=Action.INFERENCE_REQUESTED,
            id=number,
            request=number,
            at=at,
            cell=cell,
            organization=organization,
            workspace=tree,
            actor=actor,
            scope="inference:chat",
            after={"kind": "chat", "model": "echo", "lane": "standard", "streamed": False, "redactions": {}},
        )
        item = Item(number, tree, workspace.organization, workspace.id, Kind.INTENT, at, entry.body())
        waiting.append(commits.submit(item))
    await asyncio.gather(*waiting)
    await commits.stop()


def _export(workspace: WorkspaceRef, folder: Path) -> None:
    folder.mkdir()
    tree = tree_of(workspace)
    newest = proofs.checkpoint(workspace)
    stretch = bundle.Stretch(
        cell=config().cell,
        region=config().region,
        organization="",
        workspace=tree,
        origin=origin(config().region, tree),
        requested_at="",
        first=0,
        end=newest.size,
        range=b"",
        old_checkpoint=None,
        new_checkpoint=newest.note,
        new_root=newest.root,
        consistency=(),
        previous_manifest_sha256=None,
    )
    with workspace_scope(workspace):
        rows = AuditEntry.objects.filter(tree=tree).order_by("seq").values_list("body", flat=True)
        bundle.write(folder, stretch, (bytes(body) for body in rows.iterator()), signers())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
