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
    classes = models.JSONField(default=dict)
    """Days by class of data, for classes beside payloads and as far as somebody decided them."""
    reason = models.CharField(max_length=500, default="", blank=True)
    """Why some days are outside of what may be chosen freely."""
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


class Progress(models.Model):
    """How far a class of data has expired in a workspace: see `retention.progress`."""

    pk = models.CompositePrimaryKey("workspace_id", "data_class")
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    data_class = models.TextField()
    reached = models.DateTimeField()

    class Meta:
        db_table = "retention_progress"


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
    late = models.BooleanField(default=False)
    """It still ran when its subject was fenced: a trigger made this, and its data key is yet to be destroyed."""

    class Meta:
        db_table = "retention_tombstone"
        indexes: ClassVar = [
            models.Index(fields=["workspace_id"], name="retention_tombstone_workspace"),
            models.Index(fields=["erasure_id"], name="retention_tombstone_erasure"),
            models.Index(fields=["workspace_id"], name="retention_tombstone_late", condition=Q(late=True)),
        ]


class Fence(models.Model):
    """What began before an erasure of a subject or of a whole workspace, and must leave nothing when it ends.

    Triggers refuse payloads and pseudonyms of the workspace (without a `subject`), or of the subject for requests that are
    older than `before`: what the subject asks for afterwards is a new matter.
    """

    erasure_id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    subject = models.BinaryField(null=True)
    before = models.UUIDField()
    """The lowest UUIDv7 that no request of before the fence has."""
    fenced_at = models.DateTimeField()

    class Meta:
        db_table = "retention_fence"
        indexes: ClassVar = [models.Index(fields=["workspace_id", "subject"], name="retention_fence_subject")]


class Hold(models.Model):
    """A legal hold (GDPR 17(3)) or a restriction (Art. 18): what it covers is neither erased nor expires, and nobody reads it.

    It covers a workspace, or within it a subject or a request.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    subject = models.BinaryField(null=True)
    request_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=500)
    placed_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "retention_hold"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(subject__isnull=True) | Q(request_id__isnull=True), name="retention_hold_scope"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["workspace_id"], name="retention_hold_open", condition=Q(released_at__isnull=True))
        ]


class ErasureScope(models.TextChoices):
    """What an erasure is of."""

    REQUEST = "request"
    SUBJECT = "subject"
    WORKSPACE = "workspace"


class ErasureState(models.TextChoices):
    """Forward only. `erasure.py` says what each step does."""

    RECEIVED = "received"
    SCOPED = "scoped"
    HELD = "held"
    """A legal hold or a restriction covers it: it goes on when that is released."""
    FENCED = "fenced"
    SHREDDING = "shredding"
    SWEEPING = "sweeping"
    VERIFYING = "verifying"
    PRIMARY_ERASED = "primary-erased"
    PARTIAL = "partial"
    """A store still holds something after all attempts: an operator has to look. Never certified."""
    BEYOND_RECOVERY = "beyond-recovery"
    """No backup that may exist can open a copy any more: the second statement."""


class Erasure(models.Model):
    """One tracked deletion. A request has one at most, and so has a workspace; a subject has one at a time."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    scope = models.TextField(choices=ErasureScope, default=ErasureScope.REQUEST)
    request_id = models.UUIDField(null=True)
    subject = models.BinaryField(null=True)
    """The subject's pseudonym (`cell.pseudonyms`)."""
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
    """The signed certificate that the primary stores are clean, once that entry is sealed."""
    final_statement = models.BinaryField(null=True)
    final_entry_id = models.UUIDField(null=True)
    final_certificate = models.TextField(null=True)
    """The same of the second statement: that no backup brings it back."""

    class Meta:
        db_table = "retention_erasure"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace_id", "request_id"], name="retention_erasure_once"),
            models.UniqueConstraint(
                fields=["workspace_id"],
                condition=Q(scope=ErasureScope.WORKSPACE),
                name="retention_erasure_workspace_once",
            ),
            models.UniqueConstraint(
                fields=["workspace_id", "subject"],
                condition=Q(scope=ErasureScope.SUBJECT, erased_at__isnull=True),
                name="retention_erasure_subject_once",
            ),
            models.CheckConstraint(condition=Q(state__in=ErasureState.values), name="retention_erasure_state"),
            models.CheckConstraint(
                condition=Q(scope=ErasureScope.REQUEST, request_id__isnull=False, subject__isnull=True)
                | Q(scope=ErasureScope.SUBJECT, request_id__isnull=True, subject__isnull=False)
                | Q(scope=ErasureScope.WORKSPACE, request_id__isnull=True, subject__isnull=True),
                name="retention_erasure_scope",
            ),
            models.CheckConstraint(
                condition=Q(certificate__isnull=True)
                | Q(state__in=(ErasureState.PRIMARY_ERASED, ErasureState.BEYOND_RECOVERY), entry_id__isnull=False),
                name="retention_erasure_certified_when_erased",
            ),
            models.CheckConstraint(
                condition=Q(final_certificate__isnull=True)
                | Q(state=ErasureState.BEYOND_RECOVERY, final_entry_id__isnull=False, certificate__isnull=False),
                name="retention_erasure_final_when_beyond_recovery",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["workspace_id", "-id"], name="retention_erasure_page")]


class Replay(models.Model):
    """How much of the ledger of tombstones this database knows. One row; a process serves only where it knows all of it."""

    singleton = models.BooleanField(primary_key=True, default=True)
    lines = models.BigIntegerField(default=0)
    """Lines of the ledger whose tombstones are here, from the first on without a gap."""
    head = models.TextField()
    """SHA-256 of the last of them, in hexadecimal; the ledger's genesis if there is none."""
    position = models.BigIntegerField(default=0)
    """Where it ends in the file, in bytes."""
    restoring = models.UUIDField(null=True)
    """The backup that this database was restored from, until the ledger is replayed."""
    replayed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "retention_replay"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(singleton=True), name="retention_replay_one_row"),
            models.CheckConstraint(condition=Q(lines__gte=0, position__gte=0), name="retention_replay_forward"),
        ]


class Backup(models.Model):
    """A backup that this cell began, wherever it lies: the catalogue that says which key-store backups there may be."""

    id = models.UUIDField(primary_key=True)
    begun_at = models.DateTimeField()
    """Before anything was read: what was erased by then is in no part of it."""
    completed_at = models.DateTimeField(null=True)
    """Without it, parts of it may lie there, and it is no backup."""
    region = models.TextField()
    place = models.TextField()
    ledger_lines = models.BigIntegerField(default=0)
    ledger_head = models.TextField(default="")
    keys_removed_at = models.DateTimeField(null=True)
    """When its copy of the key store went."""
    removed_at = models.DateTimeField(null=True)
    """When the rest went."""

    class Meta:
        db_table = "retention_backup"
        indexes: ClassVar = [
            models.Index(fields=["begun_at"], name="retention_backup_keys", condition=Q(keys_removed_at__isnull=True))
        ]
