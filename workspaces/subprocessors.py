"""Reading the operator's lists of sub-processors: which is in force, which is announced, which notice is still open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from django.db.models import Max, QuerySet
from django.utils import timezone

from cell.problems import not_found
from cell.tenancy import organization_scope
from workspaces.models import Organization, SubprocessorAcknowledgement, SubprocessorVersion
from workspaces.subprocessor_list import SubprocessorList

Pager = Callable[[QuerySet[SubprocessorVersion]], Iterable[SubprocessorVersion]]


class ListState(StrEnum):
    ANNOUNCED = "announced"
    """Organizations may still object to it."""
    IN_FORCE = "in-force"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class SubprocessorsInfo:
    """One version of the list. It is kept for ever, as it was published."""

    version: int
    state: ListState
    published_at: datetime
    objections_until: datetime
    """From then on it is in force; the first list is from the beginning, because nothing was before it."""
    list: SubprocessorList


def subprocessor_versions(pager: Pager) -> list[SubprocessorsInfo]:
    """Every version, newest first, as many as `pager` takes of them."""
    in_force = _in_force()
    return [_info(row, in_force) for row in pager(SubprocessorVersion.objects.order_by("-version"))]


def subprocessors_get(version: int) -> SubprocessorsInfo:
    """Raises Problem 404."""
    row = SubprocessorVersion.objects.filter(version=version).first()
    if row is None:
        raise not_found()
    return _info(row, _in_force())


def subprocessors_now() -> tuple[SubprocessorsInfo | None, list[SubprocessorsInfo]]:
    """The list in force, None if the operator never published one, and those that are announced, oldest first."""
    in_force = _in_force()
    if in_force is None:
        return None, []
    found = [
        _info(row, in_force) for row in SubprocessorVersion.objects.filter(version__gte=in_force).order_by("version")
    ]
    return found[0], found[1:]


def acknowledged(organization: UUID) -> int:
    """The newest version that an owner of the organization has acknowledged; 0 if none was."""
    with organization_scope(organization):
        return _acknowledged(organization)


def open_notice(organization: UUID) -> SubprocessorsInfo | None:
    """The newest list that was published since the organization is here and that none of its owners has acknowledged."""
    with organization_scope(organization):
        since = Organization.objects.values_list("created_at", flat=True).get(id=organization)
        row = SubprocessorVersion.objects.filter(published_at__gt=since).order_by("-version").first()
        if row is None or row.version <= _acknowledged(organization):
            return None
        return _info(row, _in_force())


def list_of(row: SubprocessorVersion) -> SubprocessorList:
    return msgspec.convert(row.document, SubprocessorList)


def _acknowledged(organization: UUID) -> int:
    rows = SubprocessorAcknowledgement.objects.filter(organization_id=organization)
    return rows.aggregate(newest=Max("version"))["newest"] or 0


def _in_force() -> int | None:
    """The newest version to which nobody may object any more, or else the first there is."""
    over = SubprocessorVersion.objects.filter(objections_until__lte=timezone.now()).order_by("-version")
    rows = over.first() or SubprocessorVersion.objects.order_by("version").first()
    return None if rows is None else rows.version


def _info(row: SubprocessorVersion, in_force: int | None) -> SubprocessorsInfo:
    if row.version == in_force:
        state = ListState.IN_FORCE
    else:
        state = ListState.SUPERSEDED if row.version < (in_force or 0) else ListState.ANNOUNCED
    return SubprocessorsInfo(row.version, state, row.published_at, row.objections_until, list_of(row))
