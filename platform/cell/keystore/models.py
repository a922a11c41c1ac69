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
    seed_id = models.TextField(null=True)
    """Says which seed the cell derives from, and nothing of it: a process with another one does not start."""

    class Meta:
        db_table = "keystore_identity"
        constraints = [models.CheckConstraint(condition=Q(singleton=True), name="keystore_identity_one_row")]


class WorkspaceKey(models.Model):
    """The key of one workspace. A new version takes the place of the old one, whose material is gone then."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField(unique=True)
    organization_id = models.UUIDField(null=True)
    """Whose log its operations stand in."""
    version = models.PositiveIntegerField(default=1, db_default=1)
    own_root = models.TextField(null=True)
    """The customer's own key that wraps it, as `RootRef`; without one the cell's root does."""
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
    parent_version = models.PositiveIntegerField(default=1, db_default=1)
    """Of the workspace key that wraps it."""
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


class Operation(models.Model):
    """What was done to a workspace or epoch key: written by triggers in the change's own transaction, taken by the audit log.

    `id` becomes the id of the entry, so that what is taken twice is in the log once.
    """

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField(null=True)
    name = models.TextField()
    """`workspace-key.created`, `.rotated`, `.rewrapped`, `.destroyed`, `epoch-key.created`, `.destroyed`."""
    version = models.PositiveIntegerField()
    day = models.DateField(null=True)
    root = models.TextField(null=True)
    """Id of the root that wraps it now, in hexadecimal."""
    own = models.BooleanField()
    """Whether that is the customer's own key."""
    done_at = models.DateTimeField()

    class Meta:
        db_table = "keystore_operation"


class Rewrite(models.Model):
    """That every table of keys was written anew, and nothing destroyed before is in any file of the server."""

    id = models.UUIDField(primary_key=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    server = models.TextField()
    """System identifier of the cluster; in another one, into which a backup was put, this row says nothing."""
    lsn = models.TextField()
    """Position in its log of writes when it had ended."""

    class Meta:
        db_table = "keystore_rewrite"


class NamedKey(models.Model):
    """A key for one purpose of one owner, which no day ends. A destroyed one is followed by another."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    owner_id = models.UUIDField()
    """A workspace, an organization, or the nil UUID for the cell itself."""
    purpose = models.TextField()
    sealed = models.BinaryField(null=True)
    number = models.IntegerField()
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "keystore_named_key"
        constraints = [
            models.UniqueConstraint(F("owner_id"), F("purpose"), name="keystore_named_key_purpose"),
            models.CheckConstraint(
                condition=Q(sealed__isnull=False, destroyed_at__isnull=True)
                | Q(sealed__isnull=True, destroyed_at__isnull=False),
                name="keystore_named_key_whole_or_destroyed",
            ),
        ]
