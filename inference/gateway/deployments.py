"""What is served under which name: the rows that engines' deployment files are copies of, changed on the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import transaction

from audit import log
from audit.actions import Action
from cell.access import Actor
from inference.engine.deployment import Deployment, DeploymentError
from inference.gateway.models import DeploymentRecord
from inference.gateway.rollout import fields

Change = Callable[[Deployment | None], Deployment]
"""The new deployment for the one there is; raises DeploymentError."""


@dataclass(frozen=True, slots=True)
class DeploymentInfo:
    deployment: Deployment
    revision: int
    """1 for the first, one more with each change."""
    updated_at: datetime


def deployment_list() -> list[DeploymentInfo]:
    """Every deployment of the cell, by name."""
    return [_info(row) for row in DeploymentRecord.objects.order_by("name")]


@contextmanager
def deployment_held(name: str) -> Iterator[Deployment | None]:
    """As it is, while the block runs: nobody changes it meanwhile."""
    with transaction.atomic():
        row = DeploymentRecord.objects.select_for_update().filter(name=name).first()
        yield None if row is None else _info(row).deployment


def deployment_change(
    *,
    actor: Actor,
    name: str,
    change: Change,
    serve: Callable[[Deployment], None],
    cause: str | None = None,
    also: Callable[[], None] = lambda: None,
) -> Deployment:
    """Changes one deployment: the row and its entry in one transaction, and `serve` to have the engine take it within. The entry
    names the `cause` of what no person asked for; `also` writes what else is to be told of it.

    When `serve` fails, nothing has changed; when what comes after it fails, it is called again with what there was. Raises
    DeploymentError and what `serve` raises.
    """
    before: Deployment | None = None
    served = False
    try:
        with transaction.atomic():
            row = DeploymentRecord.objects.select_for_update().filter(name=name).first()
            before = None if row is None else _info(row).deployment
            after = change(before)
            if after.name != name:
                raise DeploymentError("a deployment keeps its name")
            serve(after)
            served = True
            document = msgspec.to_builtins(after)
            if row is None:
                DeploymentRecord(name=name, document=document, revision=1).save(force_insert=True)
            else:
                row.document, row.revision = document, row.revision + 1
                row.save()
            also()
            told = fields(after)
            log.record(
                actor=actor,
                action=Action.MODEL_DEPLOYED,
                targets=[name],
                before=fields(before),
                after=told if cause is None or told is None else {**told, "cause": cause},
            )
    except BaseException:
        if served and before is not None:
            serve(before)
        raise
    return after


def _info(row: DeploymentRecord) -> DeploymentInfo:
    return DeploymentInfo(msgspec.convert(row.document, Deployment), row.revision, row.updated_at)
