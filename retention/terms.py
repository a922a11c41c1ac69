"""What holds for one class of data in one workspace at the moment at which something of it is to go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from audit import log
from audit.actions import Action
from cell.access import Environment, WorkspaceRef, system_actor
from cell.config import config
from cell.tenancy import workspace_scope
from retention.classes import DataClass
from retention.clock import surely_now
from retention.contracts import Policy
from retention.holds import held_requests
from retention.policies import retention_policy


@dataclass(frozen=True, slots=True)
class Terms:
    workspace: WorkspaceRef
    data_class: str
    days: int
    before: datetime
    """What is older than this goes."""
    held: frozenset[UUID] | None
    """Requests that holds cover, of which nothing goes; None if a hold covers all of the workspace."""

    def record(self, removed: int) -> None:
        """Says in the log, in the open transaction, that `removed` items went."""
        log.record(
            actor=system_actor("job", self.workspace.organization),
            action=Action.DATA_EXPIRED,
            workspace=self.workspace,
            after={"data_class": self.data_class, "removed": removed, "days": self.days},
        )


@contextmanager
def terms_of(workspace: WorkspaceRef, data_class: DataClass) -> Iterator[Terms]:
    """The terms by the policy of this moment, in one transaction of the workspace in which no hold is placed.

    What goes in the transaction therefore goes by what is decided; a decision that comes later finds it gone.
    """
    with workspace_scope(workspace):
        held = held_requests(workspace, lock=True)
        days = days_of(retention_policy(workspace), data_class)
        before = surely_now() - timedelta(days=days)
        yield Terms(workspace, data_class.name, days, before, None if held is None else frozenset(held))


def days_of(policy: Policy, data_class: DataClass) -> int:
    """For how many days the class is kept under the policy. What leads to payloads is kept no shorter than they are."""
    days = policy.days(data_class.name, data_class.rule.default)
    return max(days, policy.payload_days) if data_class.leads_to_payloads else days


def due_workspaces(statement: str, parameters: Sequence[str | int]) -> list[WorkspaceRef]:
    """The workspaces that `statement` finds: it selects `workspace_id`, `organization_id` and `environment`, of all tenants."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    return [workspace_here(*row) for row in rows]


def workspace_here(workspace: UUID, organization: UUID, environment: str) -> WorkspaceRef:
    """A workspace of this cell, as a row of the database has it."""
    return WorkspaceRef(workspace, organization, config().region, Environment(environment))
