"""Tables of the ground floor: which region this database belongs to, and the durable jobs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from cell.ids import uuid7


class CellIdentity(models.Model):
    """One row, written by `bailiwick migrate` as the owner; the web role can only read it."""

    singleton = models.BooleanField(primary_key=True, default=True)
    region = models.TextField(unique=True)
    cell = models.TextField()
    claimed_at = models.DateTimeField()

    class Meta:
        db_table = "cell_identity"
        constraints = [models.CheckConstraint(condition=Q(singleton=True), name="cell_identity_one_row")]


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    """Somebody holds its lease, or held it and died: the lease's end tells."""
    DONE = "done"
    FAILED = "failed"
    """All attempts are used up; an operator has to look."""


class Job(models.Model):
    """Work that must end. The row is the truth of it; a Celery message is only a wake-up."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.TextField()
    organization_id = models.UUIDField(null=True)
    workspace_id = models.UUIDField(null=True)
    environment = models.TextField()
    """Of the workspace, so that its scope can be opened without a look-up."""
    args = models.JSONField()
    """Ids only: no payload, no name, no address."""
    effect_key = models.TextField()
    """Names the effect: the same one is never enqueued twice for a tenant."""
    state = models.TextField(choices=JobState, default=JobState.QUEUED)
    attempts = models.IntegerField(default=0)
    max_attempts = models.IntegerField(null=True)
    run_after = models.DateTimeField()
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error = models.TextField(default="")
    """Type of the last failure; its message may hold what people wrote and is never kept."""
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "cell_job"
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "workspace_id", "effect_key"], nulls_distinct=False, name="cell_job_effect"
            ),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="cell_job_state"),
            models.CheckConstraint(
                condition=Q(workspace_id__isnull=True) | Q(organization_id__isnull=False), name="cell_job_tenant"
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_after"],
                condition=Q(state__in=[JobState.QUEUED, JobState.RUNNING]),
                name="cell_job_due",
            )
        ]
