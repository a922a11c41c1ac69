"""A workspace's own witnesses: naming them, and how far each is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audit.actions import Action
from audit.checkpoint import signer_name
from audit.cosigning.ways import endpoint_of
from audit.destinations import DestinationError
from audit.destinations.tls import context
from audit.entry import now
from audit.log import record, tree_of
from audit.models import TreeWitness
from cell.access import Actor, Scope, WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.notes import MalformedNote
from cell.problems import Problem
from cell.tenancy import workspace_scope
from cell.witness_key import WitnessKey

MOST = 3
_NAME = re.compile(r"[!-*,-~]{1,80}")
"""Of a witness's key: printable ASCII, as it stands in every checkpoint that it co-signs."""
LONGEST_CA = 64 * 1024


@dataclass(frozen=True, slots=True)
class NamedWitness:
    url: str
    """Prefix of its addresses (C2SP tlog-witness), https."""
    vkey: str
    ca: str = ""
    """PEM of the one authority whose certificates it may have; empty trusts what the cell's machines trust."""


@dataclass(frozen=True, slots=True)
class WitnessInfo:
    named: NamedWitness
    size: int
    """Entries of the log that it co-signed, so far as we have it; 0 before the first."""
    cosigned_at: datetime | None
    """By its own clock."""
    cause: str
    """Why it did not co-sign when it was asked last; empty if it did."""
    refused_at: datetime | None
    """Since when it says that the log was rewritten."""


def witness_list(workspace: WorkspaceRef) -> list[WitnessInfo]:
    """In the order of their keys."""
    with workspace_scope(workspace):
        return [_info(row) for row in _rows(workspace)]


def witnesses_set(
    *, actor: Actor, workspace: WorkspaceRef, witnesses: Sequence[NamedWitness], expected: Sequence[NamedWitness]
) -> list[WitnessInfo]:
    """Makes `witnesses` the workspace's. Each is asked at once; one that stays and is well goes on where it was.

    `expected` are those that whoever decides has seen. Raises Problem 400 for what is no witness, 412 if it is others by now.
    """
    wanted = _checked(witnesses)
    with workspace_scope(workspace):
        _lock(workspace)
        rows = _rows(workspace)
        if [_named(row) for row in rows] != list(expected):
            raise Problem(412, "changed-meanwhile", "The witnesses changed since you read them. Read and repeat.")
        # One that failed begins anew: naming it again is how somebody says that it is mended.
        staying = [row for row in rows if _named(row) in wanted and not row.failures]
        there = [_named(row) for row in staying]
        TreeWitness.objects.filter(pk__in=[row.id for row in rows if row not in staying]).delete()
        TreeWitness.objects.bulk_create([_row(workspace, named) for named in wanted if named not in there])
        before, after = _shown(expected), _shown(wanted)
        if list(expected) != wanted or there != wanted:
            record(
                actor=actor,
                action=Action.WITNESSES_CHANGED,
                workspace=workspace,
                scope=Scope.AUDIT_EXPORT,
                before=before,
                after=after,
            )
        return [_info(row) for row in _rows(workspace)]


def _checked(witnesses: Sequence[NamedWitness]) -> list[NamedWitness]:
    """In the order in which they are listed. Raises Problem 400."""
    if len(witnesses) > MOST:
        raise Problem(400, "too-many", f"A workspace names at most {MOST} witnesses.")
    keys = [_key(witness.vkey) for witness in witnesses]
    if len(set(keys)) != len(keys):
        raise Problem(400, "witness", "One witness is named twice.")
    found = [
        NamedWitness(witness.url.rstrip("/"), str(key), witness.ca.strip())
        for witness, key in zip(witnesses, keys, strict=True)
    ]
    for witness in found:
        try:
            endpoint_of(witness.url)
            context(witness.ca or None)
        except DestinationError as error:
            raise _refused(str(error)) from None
    return sorted(found, key=lambda witness: witness.vkey)


def _key(vkey: str) -> WitnessKey:
    try:
        key = WitnessKey.parse(vkey)
    except MalformedNote as error:
        raise _refused(str(error)) from None
    if _NAME.fullmatch(key.name) is None or key.name == signer_name(config().region):
        raise _refused(
            "the name in a witness's key has at most 80 printable ASCII characters, and is not the cell's own"
        )
    return key


def _refused(why: str) -> Problem:
    return Problem(400, "witness", f"{why[:1].upper()}{why[1:]}.")


def _lock(workspace: WorkspaceRef) -> None:
    """There may be no row to lock."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit/witnesses/{workspace.id}"])


def _rows(workspace: WorkspaceRef) -> list[TreeWitness]:
    return list(TreeWitness.objects.filter(workspace_id=workspace.id).order_by("vkey"))


def _row(workspace: WorkspaceRef, named: NamedWitness) -> TreeWitness:
    return TreeWitness(
        id=uuid7(),
        organization_id=workspace.organization,
        workspace_id=workspace.id,
        tree=tree_of(workspace),
        vkey=named.vkey,
        url=named.url,
        ca=named.ca,
        created_at=now(),
        next_at=now(),
    )


def _shown(witnesses: Sequence[NamedWitness]) -> dict[str, Any]:
    """What an entry may show: which keys, and nothing that somebody typed."""
    return {"witnesses": [WitnessKey.parse(witness.vkey).hash.hex() for witness in witnesses]}


def _named(row: TreeWitness) -> NamedWitness:
    return NamedWitness(row.url, row.vkey, row.ca)


def _info(row: TreeWitness) -> WitnessInfo:
    return WitnessInfo(_named(row), row.size, row.cosigned_at, row.cause, row.refused_at)
