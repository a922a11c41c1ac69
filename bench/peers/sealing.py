"""``python -m bench.peers.sealing COUNT SECONDS FILE``: what the log does with COUNT entries of one workspace.

They are logged, sealed as the worker does, exported by the export's own job into FILE and verified from there,
and written as lines of each format; then entries come
at 300 a second for SECONDS beside a sealer that is woken once a second. Prints one JSON object. The database is the
environment's.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import threading
from bisect import bisect_right
from pathlib import Path
from time import monotonic, perf_counter
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from audit.actions import Action  # noqa: E402  # Django has to be set up first
from audit.checkpoint import origin  # noqa: E402
from audit.entry import EntryActor, Kind, inference_entry, now  # noqa: E402
from audit.exports import export_create, export_download  # noqa: E402
from audit.formats import Format, Log, forms  # noqa: E402
from audit.groupcommit import GroupCommit, Item  # noqa: E402
from audit.log import tree_of  # noqa: E402
from audit.models import AuditEntry  # noqa: E402
from audit.proofs import NoCheckpoint, checkpoint  # noqa: E402
from audit.sealer import seal_all, seal_tree  # noqa: E402
from audit.verifier.export import verify_export  # noqa: E402
from cell import jobs  # noqa: E402
from cell.access import WorkspaceRef, system_actor  # noqa: E402
from cell.config import config  # noqa: E402
from cell.ids import Tag, tagged, uuid7  # noqa: E402
from cell.models import Job  # noqa: E402
from cell.tenancy import workspace_scope  # noqa: E402

RATE = 300
"""Entries a second while the lag is measured."""
_WOKEN_EVERY_S = 1.0
"""As in `bailiwick.celery`."""


def main(count: int, seconds: float, file: Path) -> None:
    workspace = WorkspaceRef(uuid7(), uuid7(), config().region)
    size = asyncio.run(_log(workspace, count))
    began = perf_counter()
    if seal_tree(tree_of(workspace)) != count:
        raise RuntimeError("not every entry was sealed")
    sealing = perf_counter() - began
    exporting = _export(workspace, file)
    began = perf_counter()
    verify_export(file)
    verifying = perf_counter() - began
    # What was logged before this was not sealed beside it, as it would be: the lag is of a sealer that is not behind.
    seal_all(budget_s=600.0)
    lags = _lags(WorkspaceRef(uuid7(), uuid7(), config().region), seconds)
    figures = {
        "sealed_per_second": count / sealing,
        "exported_mb_per_second": size / 1e6 / exporting,
        "verified_per_second": count / verifying,
        "formatted_mb_per_second": _formatting(workspace),
        "lag_p99_s": lags[int(len(lags) * 0.99)],
        "lags": len(lags),
    }
    sys.stdout.write(json.dumps(figures))


async def _log(workspace: WorkspaceRef, count: int) -> int:
    """Returns how many bytes of entries that were."""
    commits = GroupCommit(config().database.conninfo, limit=count)
    await commits.start()
    items = [_item(workspace) for _ in range(count)]
    await asyncio.gather(*[commits.submit(item) for item in items])
    await commits.stop()
    return sum(len(item.body) for item in items)


def _item(workspace: WorkspaceRef) -> Item:
    cell, tree = config().cell, tree_of(workspace)
    number, at = uuid7(), now()
    entry = inference_entry(
        action=Action.INFERENCE_REQUESTED,
        id=number,
        request=number,
        at=at,
        cell=cell,
        organization=tagged(Tag.ORGANIZATION, cell, workspace.organization),
        workspace=tree,
        actor=EntryActor(auth="key", id=None, key=tagged(Tag.KEY, cell, uuid7()), type="key"),
        scope="inference:chat",
        after={"kind": "chat", "model": "echo", "lane": "standard", "streamed": False, "redactions": {}},
    )
    return Item(number, tree, workspace.organization, workspace.id, Kind.INTENT, at, entry.body())


def _export(workspace: WorkspaceRef, file: Path) -> float:
    """Seconds that the job takes, from the database to the object store."""
    actor = system_actor("command", workspace.organization)
    asked = export_create(actor=actor, workspace=workspace)
    with workspace_scope(workspace):
        job = Job.objects.get(effect_key=f"export/{asked.id}").id
    began = perf_counter()
    jobs.run(job)
    took = perf_counter() - began
    with export_download(actor=actor, workspace=workspace, export=asked.id) as content, file.open("wb") as kept:
        shutil.copyfileobj(content, kept)
    return took


def _formatting(workspace: WorkspaceRef) -> dict[str, float]:
    """Megabytes of lines a second, by format."""
    with workspace_scope(workspace):
        rows = AuditEntry.objects.filter(tree=tree_of(workspace)).order_by("seq").values_list("body", flat=True)
        bodies = list(map(bytes, rows))
    found = {}
    for form in forms(Format, Log(config().region, origin(config().region, tree_of(workspace)))):
        began = perf_counter()
        size = sum(len(form.line(body, seq)) for seq, body in enumerate(bodies))
        found[form.name] = size / 1e6 / (perf_counter() - began)
    return found


def _lags(workspace: WorkspaceRef, seconds: float) -> list[float]:
    """Seconds from an entry's arrival until it was sealed, sorted."""
    done = threading.Event()
    sealed: list[tuple[int, float]] = []

    def seal() -> None:
        due = monotonic()
        while True:
            ended = done.is_set()
            seal_all()
            sealed.append((_size(workspace), monotonic()))
            if ended:
                return
            due = max(due + _WOKEN_EVERY_S, monotonic())
            done.wait(due - monotonic())

    sealer = threading.Thread(target=seal)
    sealer.start()
    try:
        arrived = asyncio.run(_arrivals(workspace, int(seconds * RATE)))
    finally:
        done.set()
        sealer.join()
    with workspace_scope(workspace):
        places = dict(AuditEntry.objects.filter(tree=tree_of(workspace)).values_list("id", "seq"))
    sizes = [size for size, _ in sealed]
    return sorted(sealed[bisect_right(sizes, places[entry])][1] - at for entry, at in arrived.items())


def _size(workspace: WorkspaceRef) -> int:
    try:
        return checkpoint(workspace).size
    except NoCheckpoint:
        return 0


async def _arrivals(workspace: WorkspaceRef, count: int) -> dict[UUID, float]:
    commits = GroupCommit(config().database.conninfo, limit=count)
    await commits.start()
    arrived, waiting, began = {}, [], monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / RATE - monotonic()))
        item = _item(workspace)
        arrived[item.id] = monotonic()
        waiting.append(commits.submit(item))
    await asyncio.gather(*waiting)
    await commits.stop()
    return arrived


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
