"""Policies, sealed payloads, tombstones and erasures, as they are stored. Nothing outside this app touches these models."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from cell.ids import uuid7

PAYLOAD_DAYS = 14
"""How long payloads live where nobody chose otherwise."""
FEWEST_DAYS, MOST_DAYS = 7, 30
"""What may be chosen without a reason."""
SHORTEST_DAYS, LONGEST_DAYS = 1, 3650
"""What may be chosen at all, by an owner and with a reason."""


class RetentionPolicy(models.Model):
    """What one workspace decided; without a row, nothing is stored."""

    workspace_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    store_payloads = models.BooleanField(default=False)
    payload_days = models.PositiveSmallIntegerField(default=PAYLOAD_DAYS)
    reason = models.CharField(max_length=500, default="", blank=True)
    """Why the days are outside of what may be chosen freely."""
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "retention_policy"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(payload_days__range=(FEWEST_DAYS, MOST_DAYS))
                | Q(payload_days__range=(SHORTEST_DAYS, LONGEST_DAYS)) & ~Q(reason=""),
                name="retention_policy_days",
            )
        ]


class Payload(models.Model):
    """Redacted prompt and answer of one request, sealed under its own data key. `id` is the request's.

    No foreign keys: the rows come in group commits that mix tenants, and the hot path checks nothing twice.
    """

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    stored_at = models.DateTimeField()
    prompt = models.BinaryField()
    answer = models.BinaryField()

    class Meta:
        db_table = "retention_payload"
        indexes: ClassVar = [models.Index(fields=["workspace_id", "stored_at"], name="retention_payload_age")]


class Tombstone(models.Model):
    """A request whose data must not come back: a trigger refuses payloads that arrive after it."""

    request_id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    erasure_id = models.UUIDField()
    fenced_at = models.DateTimeField()

    class Meta:
        db_table = "retention_tombstone"
        indexes: ClassVar = [models.Index(fields=["workspace_id"], name="retention_tombstone_workspace")]


class ErasureState(models.TextChoices):
    """Forward only. `erasure.py` says what each step does."""

    RECEIVED = "received"
    SCOPED = "scoped"
    FENCED = "fenced"
    SHREDDING = "shredding"
    SWEEPING = "sweeping"
    VERIFYING = "verifying"
    PRIMARY_ERASED = "primary-erased"
    PARTIAL = "partial"
    """A store still holds something after all attempts: an operator has to look. Never certified."""


class Erasure(models.Model):
    """One tracked deletion. A request has one at most."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    request_id = models.UUIDField()
    state = models.TextField(choices=ErasureState, default=ErasureState.RECEIVED)
    version = models.PositiveIntegerField(default=1)
    requestor = models.TextField()
    """`member`, `key` or `system`: who exactly stands in the audit entry, as a pseudonym."""
    manifest = models.JSONField(null=True)
    """Items found in each store when the scope was frozen."""
    verifications = models.PositiveIntegerField(default=0)
    """How often a store was found not to be clean."""
    received_at = models.DateTimeField()
    fenced_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    statement = models.BinaryField(null=True)
    """Canonical bytes of what the certificate says."""
    entry_id = models.UUIDField(null=True)
    """The audit entry that commits to the statement."""
    certificate = models.TextField(null=True)
    """The signed certificate, once that entry is sealed."""

    class Meta:
        db_table = "retention_erasure"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace_id", "request_id"], name="retention_erasure_once"),
            models.CheckConstraint(condition=Q(state__in=ErasureState.values), name="retention_erasure_state"),
            models.CheckConstraint(
                condition=Q(certificate__isnull=True) | Q(state=ErasureState.PRIMARY_ERASED, entry_id__isnull=False),
                name="retention_erasure_certified_when_erased",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["workspace_id", "-id"], name="retention_erasure_page")]
