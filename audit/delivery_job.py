"""The job of a schedule: prepare the next stretch, send it until it is acknowledged, and only then go on.

Most destinations get its lines, in batches; a bucket gets the files of the export as they are.

PREPARED: the export lies in the object store, and is what will be sent from then on, byte for byte. SENT: some of it may have
arrived; batches that were acknowledged are not sent again. ACKNOWLEDGED: all of it is there, and the next delivery begins where
this one ends. Cut off anywhere, the job is done again; a destination may see the batch that was under way twice, with one key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, BinaryIO
from uuid import UUID

from django.db import IntegrityError

from audit import bundle
from audit.actions import Action
from audit.checkpoint import origin
from audit.deliveries import delivery_key
from audit.described import destination_of
from audit.destinations import Bucket, Destination, DestinationError, Evidence, GiveUp, TryAgain
from audit.destinations.errors import Unacknowledged
from audit.entry import now
from audit.formats import Format, Log
from audit.log import record, tree_of
from audit.models import AuditEntry, Delivery, ExportSchedule
from audit.packed import batches, files
from audit.packing import Packed, pack
from audit.schedules import KIND, start
from audit.stretches import next_stretch
from cell.access import WorkspaceRef, system_actor
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.jobs import Again, Lease, handler
from cell.objects import store
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope

MOST_ENTRIES = 25_000
"""In one delivery, so that a worker is done with it well before its time limit, also over a slow line; the next follows at once."""
SENDING_S = 5.0
"""After which no further batch is begun in the same run: one batch may take a minute, and a task ninety seconds."""
KEEPING_S = 30.0
"""After which no further file is begun in the same run, for the same reason; those that are there are not put again."""
LONGEST_WAIT_S = 3600.0
GIVEN_UP_AFTER = timedelta(days=1)
"""A schedule that was turned off and whose destination does not answer ends without its last delivery then."""
_FIRST_WAIT_S = 5.0

log = get_logger(__name__)


def register_job() -> None:
    """Makes this process able to deliver. Once, from AppConfig.ready."""
    handler(KIND, lease_s=90.0, max_attempts=None, backoff_limit_s=300.0)(run)


def run(lease: Lease) -> Mapping[str, Any] | None:
    """One run of a schedule. Returns how it stands."""
    workspace = lease.workspace
    if workspace is None:
        raise ValueError("a schedule is of a workspace")
    schedule = _schedule(workspace, UUID(lease.args["schedule"]))
    if str(schedule.runs) != lease.args["run"] or schedule.state in ("stopped", "ended"):
        return {"state": "superseded"}
    try:
        delivery = _open(workspace, schedule) or _prepare(lease, workspace, schedule)
    except bundle.LogDamaged:
        log.error("audit.delivery.damaged", schedule=str(schedule.id), workspace=str(workspace.id))
        return _stop(lease, workspace, schedule, None, "log-damaged")
    try:
        evidence = _send(lease, workspace, schedule, delivery)
    except GiveUp as error:
        return _stop(lease, workspace, schedule, delivery, _word(error))
    except TryAgain as error:
        if schedule.ended_at is not None and schedule.ended_at < now() - GIVEN_UP_AFTER:
            return _stop(lease, workspace, schedule, delivery, _word(error))
        _failed(lease, workspace, schedule, error)
        wait = min(_FIRST_WAIT_S * 2 ** min(delivery.attempts, 20), LONGEST_WAIT_S)
        raise Again(max(wait, error.after_s or 0.0)) from None
    return _acknowledge(lease, workspace, schedule, delivery, evidence)


def _schedule(workspace: WorkspaceRef, number: UUID) -> ExportSchedule:
    with workspace_scope(workspace):
        return ExportSchedule.objects.get(workspace_id=workspace.id, pk=number)


def _open(workspace: WorkspaceRef, schedule: ExportSchedule) -> Delivery | None:
    """The delivery that is not acknowledged yet."""
    with workspace_scope(workspace):
        return Delivery.objects.filter(schedule_id=schedule.id).exclude(state="acknowledged").first()


def _prepare(lease: Lease, workspace: WorkspaceRef, schedule: ExportSchedule) -> Delivery:
    with workspace_scope(workspace):
        done = Delivery.objects.filter(schedule_id=schedule.id).order_by("-end", "-id").first()
    stretch = next_stretch(
        workspace,
        # What is asked for is everything until now; turned off, everything until then and the entry that says so.
        asked_at=schedule.ended_at or schedule.next_at or now(),
        first=0 if done is None else done.end,
        previous_manifest=None if done is None else bytes(done.manifest_sha256),
        most=MOST_ENTRIES,
    )
    number = uuid7()
    packed = pack(lease, workspace, stretch, [Format(schedule.format)], delivery_key(number))
    try:
        with lease.transaction():
            return Delivery.objects.create(**_columns(schedule, stretch, number, packed))
    except IntegrityError:
        # A run of the same schedule that began later was quicker: its delivery is sent, and this one was never there.
        store().delete_all_versions(delivery_key(number))
        raise Again(0.5) from None


def _columns(schedule: ExportSchedule, stretch: bundle.Stretch, number: UUID, packed: Packed) -> dict[str, Any]:
    return {
        "id": number,
        "schedule_id": schedule.id,
        "workspace_id": schedule.workspace_id,
        "organization_id": schedule.organization_id,
        "first": stretch.first,
        "end": stretch.end,
        **packed._asdict(),
        "prepared_at": now(),
    }


def _send(lease: Lease, workspace: WorkspaceRef, schedule: ExportSchedule, delivery: Delivery) -> Evidence | None:
    """Sends what is not acknowledged yet. Raises DestinationError, or Again when another run is to go on."""
    destination = destination_of(schedule, workspace)
    with lease.transaction():
        delivery.state, delivery.attempts = Delivery.State.SENT, delivery.attempts + 1
        delivery.save(update_fields=["state", "attempts"])
    with store().open(delivery_key(delivery.id)) as packed:
        if isinstance(destination, Bucket):
            return _send_files(lease, workspace, delivery, destination, packed)
        return _send_lines(lease, workspace, Format(schedule.format), delivery, destination, packed)


def _send_lines(
    lease: Lease, workspace: WorkspaceRef, name: Format, delivery: Delivery, destination: Destination, packed: BinaryIO
) -> Evidence | None:
    began, place, evidence = time.monotonic(), 0, None
    where = Log(config().region, origin(config().region, tree_of(workspace)))
    for batch in batches(packed, name, where, delivery.id.hex):
        place += len(batch.items)
        if place <= delivery.sent_lines:
            continue
        if time.monotonic() - began > SENDING_S:
            raise Again(0.0)
        lease.extend()
        evidence = destination.send(batch).evidence
        _progress(lease, delivery, place, evidence)
    return evidence


def _send_files(
    lease: Lease, workspace: WorkspaceRef, delivery: Delivery, bucket: Bucket, packed: BinaryIO
) -> Evidence | None:
    """All of them in one run, so that it is the same run that has read them all again."""
    began, evidence, cell = time.monotonic(), None, config().cell
    mine = tagged(Tag.SCHEDULE, cell, delivery.schedule_id), tagged(Tag.DELIVERY, cell, delivery.id)
    for file in files(packed, "/".join((tree_of(workspace), *mine))):
        if time.monotonic() - began > KEEPING_S:
            raise Unacknowledged("the bucket is too slow for all files of one delivery")
        lease.extend()
        evidence = bucket.keep(file).evidence
    if evidence is not None:
        _progress(lease, delivery, delivery.end - delivery.first, evidence)
    return evidence


def _progress(lease: Lease, delivery: Delivery, lines: int, evidence: Evidence) -> None:
    delivery.sent_lines, delivery.attempts, delivery.evidence = lines, 0, evidence.value
    with lease.transaction():
        # Another run of the same schedule may be further on.
        Delivery.objects.filter(pk=delivery.id, sent_lines__lt=lines).update(
            sent_lines=lines, attempts=0, evidence=evidence.value
        )


def _acknowledge(
    lease: Lease, workspace: WorkspaceRef, schedule: ExportSchedule, delivery: Delivery, evidence: Evidence | None
) -> Mapping[str, Any]:
    with lease.transaction():
        locked = ExportSchedule.objects.select_for_update().get(pk=schedule.id)
        if not Delivery.objects.select_for_update().exclude(state="acknowledged").filter(pk=delivery.id).exists():
            lease.complete({"state": "superseded"})
            return {"state": "superseded"}
        delivery.state, delivery.acknowledged_at = Delivery.State.ACKNOWLEDGED, now()
        delivery.evidence = delivery.evidence if evidence is None else evidence.value
        delivery.save(update_fields=["state", "acknowledged_at", "evidence"])
        _recorded(Action.DELIVERY_ACKNOWLEDGED, workspace, locked, delivery, {"state": "acknowledged"})
        locked.cause = ""
        if _is_last(workspace, locked, delivery):
            _end(locked)
        elif str(locked.runs) == lease.args["run"]:
            more = AuditEntry.objects.filter(tree=tree_of(workspace), seq__gte=delivery.end + MOST_ENTRIES).exists()
            at_once = more or locked.state == ExportSchedule.State.ENDING
            wait = 0.0 if at_once else locked.interval_hours * 3600.0
            locked.next_at = now() + timedelta(seconds=wait)
            start(locked, workspace, wait)
        else:
            locked.save()
        lease.complete({"state": str(locked.state)})
        return {"state": str(locked.state)}


def _is_last(workspace: WorkspaceRef, schedule: ExportSchedule, delivery: Delivery) -> bool:
    """Whether the schedule was turned off and the delivery holds the entry that says so."""
    if schedule.state != ExportSchedule.State.ENDING or schedule.ended_entry is None:
        return False
    return AuditEntry.objects.filter(pk=schedule.ended_entry, workspace_id=workspace.id, seq__lt=delivery.end).exists()


def _stop(
    lease: Lease, workspace: WorkspaceRef, schedule: ExportSchedule, delivery: Delivery | None, cause: str
) -> Mapping[str, Any]:
    """Nothing is sent any more until somebody has changed the schedule; one that was turned off ends here."""
    with lease.transaction():
        locked = ExportSchedule.objects.select_for_update().get(pk=schedule.id)
        if locked.state == ExportSchedule.State.ENDING:
            _end(locked)
        elif locked.version == schedule.version:
            locked.state = ExportSchedule.State.STOPPED
        locked.cause, locked.next_at = cause, None
        locked.save()
        _recorded(Action.DELIVERY_STOPPED, workspace, locked, delivery, {"state": str(locked.state), "cause": cause})
        lease.complete({"state": str(locked.state), "cause": cause})
    log.warning("audit.delivery.stopped", schedule=str(schedule.id), workspace=str(workspace.id), cause=cause)
    return {"state": str(locked.state), "cause": cause}


def _failed(lease: Lease, workspace: WorkspaceRef, schedule: ExportSchedule, error: TryAgain) -> None:
    log.warning("audit.delivery.failed", schedule=str(schedule.id), workspace=str(workspace.id), cause=_word(error))
    with lease.transaction():
        ExportSchedule.objects.filter(pk=schedule.id).update(cause=_word(error))


def _end(schedule: ExportSchedule) -> None:
    """Nobody needs its secrets any more."""
    schedule.state, schedule.secrets, schedule.next_at = ExportSchedule.State.ENDED, None, None
    schedule.save()


def _recorded(
    action: Action,
    workspace: WorkspaceRef,
    schedule: ExportSchedule,
    delivery: Delivery | None,
    after: dict[str, Any],
) -> None:
    targets: list[tuple[Tag, UUID]] = [(Tag.SCHEDULE, schedule.id)]
    if delivery is not None:
        targets.append((Tag.DELIVERY, delivery.id))
        after |= {
            "first": delivery.first,
            "end": delivery.end,
            "entries": delivery.end - delivery.first,
            "manifest_sha256": bytes(delivery.manifest_sha256).hex(),
        }
        if delivery.evidence:
            after["evidence"] = delivery.evidence
    record(
        actor=system_actor("job", workspace.organization),
        action=action,
        workspace=workspace,
        targets=targets,
        after=after,
    )


def _word(error: DestinationError) -> str:
    return type(error).__name__.lower()
