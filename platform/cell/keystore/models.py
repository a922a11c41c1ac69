"""Rows of the key store.

A destroyed key keeps its row without its material: what is erased cannot be made again by a late writer.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from cell.ids import uuid7


class Identity(models.Model):
    """Which region this key store belongs to; one row, checked when a process starts."""

    singleton = models.BooleanField(primary_key=True, default=True)
    region = models.TextField()

    class Meta:
        db_table = "keystore_identity"
        constraints = [models.CheckConstraint(condition=Q(singleton=True), name="keystore_identity_one_row")]


class WorkspaceKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField(unique=True)
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "keystore_workspace_key"
        constraints = [
            models.CheckConstraint(
                condition=Q(wrapped__isnull=False, destroyed_at__isnull=True)
                | Q(wrapped__isnull=True, destroyed_at__isnull=False),
                name="keystore_workspace_key_whole_or_destroyed",
            )
        ]


class EpochKey(models.Model):
    """The key of one workspace and one day (UTC): destroying it makes that day's data keys useless, wherever copied."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    day = models.DateField()
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "keystore_epoch_key"
        constraints = [
            models.UniqueConstraint(F("workspace_id"), F("day"), name="keystore_epoch_key_day"),
            models.CheckConstraint(
                condition=Q(wrapped__isnull=False, destroyed_at__isnull=True)
                | Q(wrapped__isnull=True, destroyed_at__isnull=False),
                name="keystore_epoch_key_whole_or_destroyed",
            ),
        ]


class DataKey(models.Model):
    """The key of one request's payload; its id is the request's. An erased one has no epoch, so it outlives the epoch."""

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    epoch = models.ForeignKey(EpochKey, on_delete=models.PROTECT, null=True)
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "keystore_data_key"
        constraints = [
            models.CheckConstraint(
                condition=Q(wrapped__isnull=False, destroyed_at__isnull=True, epoch__isnull=False)
                | Q(wrapped__isnull=True, destroyed_at__isnull=False),
                name="keystore_data_key_whole_or_destroyed",
            )
        ]
