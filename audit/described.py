"""What somebody says of a destination: checked and sealed when it is said, and opened when something is to be sent there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from audit.destinations import (
    AnyDestination,
    DestinationError,
    Reach,
    check_place,
    seal,
    secrets_of,
    settings_of,
    unseal,
)
from audit.models import Described, ExportSchedule, OrganizationSchedule
from cell.access import WorkspaceRef
from cell.config import config
from cell.problems import Problem
from cell.regions import Directory
from cell.tenancy import workspace_scope


def described(destination: object, secrets: object, *, owner: UUID, number: UUID) -> Said:
    """What may be shown of it, and its secrets sealed for the schedule `number` of `owner`, a workspace or an organization.

    Raises Problem 400 if it is none, or may not be sent to.
    """
    try:
        settings = settings_of(destination)
        check_place(settings, _directory(), config().region)
        found = secrets_of(settings, secrets)
        settings.open(number, found, reach())
    except DestinationError as error:
        raise Problem(400, "destination", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    return msgspec.to_builtins(settings), seal(found, owner=owner, destination=number)


Said = tuple[dict[str, Any], bytes]


def changed_to(destination: object, secrets: object, *, owner: UUID, number: UUID) -> Said | None:
    """As `described`, of a change, which may leave the destination as it is. Raises Problem 400."""
    if (destination is None) != (secrets is None):
        raise Problem(400, "invalid", "A destination and its secrets are changed together.")
    return None if destination is None else described(destination, secrets, owner=owner, number=number)


def take_over(
    row: ExportSchedule | OrganizationSchedule, said: Said | None, interval_hours: int | None, *, expected_version: int
) -> dict[str, Any]:
    """Puts a change into the row, which the caller holds and saves; what an entry may show of it before.

    Raises Problem 409 if the schedule was turned off, 412 if it has another version.
    """
    if row.ended_at is not None:
        raise Problem(409, "ended", "The schedule was turned off. Make a new one.")
    if row.version != expected_version:
        raise Problem(412, "changed-meanwhile", "The schedule changed since you read it. Read it again and repeat.")
    before = shown(row)
    if said is not None:
        row.destination, row.secrets = said
    if interval_hours is not None:
        row.interval_hours = interval_hours
    row.version += 1
    return before


def destination_of(row: ExportSchedule, workspace: WorkspaceRef) -> AnyDestination:
    """Where the schedule sends to now, if it follows another with that one's secrets; outside of every transaction.

    Checked again, since the directory and the law may have changed since. Raises DestinationError.
    """
    said: Described = row
    owner = row.workspace_id
    if row.follows is not None:
        with workspace_scope(workspace):
            said = OrganizationSchedule.objects.get(pk=row.follows)
        owner = row.organization_id
    settings = settings_of(said.destination)
    check_place(settings, _directory(), config().region)
    secrets = unseal(bytes(said.secrets or b""), settings, owner=owner, destination=said.id)
    return settings.open(row.id, secrets, reach())


def reach() -> Reach:
    return Reach.of(config().destination_networks)


def shown(row: ExportSchedule | OrganizationSchedule) -> dict[str, Any]:
    """What an entry may show of it."""
    destination = row.destination
    return {
        "kind": destination["kind"],
        "format": row.format,
        "interval_hours": row.interval_hours,
        "legal_area": destination["legal_area"],
        "region": destination.get("region"),
        "state": str(row.state),
        "version": row.version,
    }


def _directory() -> Directory:
    return Directory.load(config().cells_file, config().cells_vkey)
