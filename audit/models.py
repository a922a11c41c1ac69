"""The log's tables. What each database role may do with them is in the migrations, and is half of the guarantee."""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """One entry, as its canonical bytes. Everyone may add one; nobody may change one; the sealer numbers it, once."""

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField(null=True)
    workspace_id = models.UUIDField(null=True)
    tree = models.TextField()
    """Public id of the workspace, or `cell` for entries of no workspace."""
    kind = models.SmallIntegerField()
    occurred_at = models.DateTimeField()
    body = models.BinaryField()
    seq = models.BigIntegerField(null=True)
    """Place in the tree, dense from 0; None until sealed."""
    leaf_hash = models.BinaryField(null=True)
    """RFC 6962 leaf hash of `body`, set with `seq`."""

    class Meta:
        db_table = "audit_entry"
        constraints = [
            # Partial, so that adding an entry does not touch it.
            models.UniqueConstraint(
                fields=["tree", "seq"], condition=models.Q(seq__isnull=False), name="audit_entry_seq"
            ),
            models.CheckConstraint(
                condition=models.Q(seq__isnull=True, leaf_hash__isnull=True)
                | models.Q(seq__isnull=False, leaf_hash__isnull=False),
                name="audit_entry_sealed_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["tree", "id"], name="audit_entry_unsealed", condition=models.Q(seq__isnull=True)),
            models.Index(fields=["workspace_id", "-id"], name="audit_entry_page"),
            models.Index(
                fields=["organization_id", "-id"],
                name="audit_entry_cell_page",
                condition=models.Q(workspace_id__isnull=True),
            ),
        ]


class TreeNode(models.Model):
    """Root of a full subtree at every eighth height: with the leaves, enough to compute any proof from a few rows."""

    tree = models.TextField()
    workspace_id = models.UUIDField(null=True)
    level = models.SmallIntegerField()
    """Height divided by 8, from 1: a node of level n stands over 256ⁿ leaves."""
    position = models.BigIntegerField()
    hash = models.BinaryField()
    pk = models.CompositePrimaryKey("tree", "level", "position")

    class Meta:
        db_table = "audit_node"


class Checkpoint(models.Model):
    """A signed size and root of one tree, and the hashes from which the next one continues."""

    tree = models.TextField()
    workspace_id = models.UUIDField(null=True)
    size = models.BigIntegerField()
    root = models.BinaryField()
    range = models.BinaryField()
    """Roots of the full subtrees that make up the tree, largest first, 32 bytes each."""
    note = models.TextField()
    """C2SP tlog-checkpoint, signed by the cell."""
    created_at = models.DateTimeField()
    pk = models.CompositePrimaryKey("tree", "size")

    class Meta:
        db_table = "audit_checkpoint"


class CheckpointLeaf(models.Model):
    """One leaf of the tree of checkpoints: a checkpoint of another tree, hashed as the text that was signed for it."""

    number = models.BigIntegerField(primary_key=True)
    """Place in the tree of checkpoints, dense from 0."""
    tree = models.TextField()
    """The tree that the checkpoint is of."""
    workspace_id = models.UUIDField(null=True)
    size = models.BigIntegerField()
    root = models.BinaryField()
    leaf_hash = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "audit_checkpoint_leaf"
        constraints = [models.UniqueConstraint(fields=["tree", "size"], name="audit_checkpoint_leaf_once")]


class TreeWitness(models.Model):
    """Who is asked to co-sign one tree, and how that stands: a workspace names its own, the configuration those of the cell's."""

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField(null=True)
    workspace_id = models.UUIDField(null=True)
    tree = models.TextField()
    vkey = models.TextField()
    url = models.TextField(default="")
    """Empty for the cell's: the configuration says where they are."""
    ca = models.TextField(default="")
    """PEM of the one authority whose certificates it may have; empty trusts what the machine trusts."""
    created_at = models.DateTimeField()
    size = models.BigIntegerField(default=0)
    """Of the checkpoint that it co-signed last, as we believe."""
    cosigned_at = models.DateTimeField(null=True)
    """When it did so, by its own clock."""
    next_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)
    """Since it last answered with a co-signature."""
    cause = models.TextField(default="")
    """Why the last one failed, as a word of ours."""
    refused_at = models.DateTimeField(null=True)
    """Since when it says that the log was rewritten."""

    class Meta:
        db_table = "audit_witness"
        constraints = [models.UniqueConstraint(fields=["tree", "vkey"], name="audit_witness_once")]
        indexes = [
            models.Index(fields=["next_at"], name="audit_witness_due"),
            models.Index(fields=["workspace_id"], name="audit_witness_workspace"),
        ]


class Cosignature(models.Model):
    """A line under a checkpoint: its witness says that the log had only grown. Rows are only added."""

    tree = models.TextField()
    workspace_id = models.UUIDField(null=True)
    size = models.BigIntegerField()
    vkey = models.TextField()
    line = models.TextField()
    """With its newline, as it stands in the note (C2SP tlog-cosignature)."""
    created_at = models.DateTimeField()
    pk = models.CompositePrimaryKey("tree", "size", "vkey")

    class Meta:
        db_table = "audit_cosignature"


class Detail(models.Model):
    """What is personal about an entry, sealed beside it. Its row and its key can go; the entry and every proof stay."""

    entry_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    workspace_id = models.UUIDField(null=True)
    sealed = models.BinaryField()
    """`cell.keys.envelope` under the data key whose id is the entry's."""
    created_at = models.DateTimeField()

    class Meta:
        db_table = "audit_detail"
        indexes = [models.Index(fields=["created_at"], name="audit_detail_age")]


class SignerGeneration(models.Model):
    """A key that signs the log. The newest signs, and the one before it until its overlap is over; rows are only added."""

    generation = models.SmallIntegerField(primary_key=True)
    """From 2: the first needs no row, it signs from the beginning."""
    vkey = models.TextField()
    began_at = models.DateTimeField()
    overlap_until = models.DateTimeField()
    """How long the generation before this one signs as well."""

    class Meta:
        db_table = "audit_signer"


class Export(models.Model):
    """A download of a stretch of a workspace's log, chained to the one before it."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    state = models.TextField(choices=State.choices, default=State.REQUESTED)
    requested_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    first = models.BigIntegerField(null=True)
    """Sequence number of the first entry in it; `end` is one past the last. Equal when the stretch is empty."""
    end = models.BigIntegerField(null=True)
    previous = models.UUIDField(null=True)
    """The export that this one continues; set when it is ready."""
    manifest_sha256 = models.BinaryField(null=True)
    size_bytes = models.BigIntegerField(null=True)

    class Meta:
        db_table = "audit_export"
        constraints = [
            # One successor each: exports of a workspace are a chain, also when two were made at the same time.
            models.UniqueConstraint(
                fields=["workspace_id", "previous"],
                condition=models.Q(state="ready"),
                nulls_distinct=False,
                name="audit_export_chain",
            )
        ]
        indexes = [models.Index(fields=["workspace_id", "-id"], name="audit_export_page")]


class Described(models.Model):
    """Where a log is sent, in which format and how often, as somebody with the right to decided it."""

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    format = models.TextField()
    interval_hours = models.PositiveIntegerField()
    destination = models.JSONField()
    """What may be shown of it: `audit.destinations.settings`."""
    secrets = models.BinaryField(null=True)
    """Sealed for this row alone; None once it has ended, and where another row has them."""
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    """When it was turned off."""

    class Meta:
        abstract = True


class OrganizationSchedule(Described):
    """A decision for all workspaces of an organization, those that are made later included: each has a schedule that follows it."""

    class State(models.TextChoices):
        ACTIVE = "active"
        ENDING = "ending"
        """Turned off; schedules that follow it are on their way to their ends, and need its secrets for that."""
        ENDED = "ended"

    state = models.TextField(choices=State.choices, default=State.ACTIVE)
    decided_by = models.JSONField(null=True)
    """Who decided last, for the entries in the workspaces' logs; None once they all have heard."""

    class Meta:
        db_table = "audit_organization_schedule"
        indexes = [models.Index(fields=["organization_id", "-id"], name="audit_org_schedule_page")]


class ExportSchedule(Described):
    """Where a workspace's log is sent, and how often."""

    class State(models.TextChoices):
        ACTIVE = "active"
        STOPPED = "stopped"
        """The destination refuses: somebody has to mend it, and say so."""
        ENDING = "ending"
        """Turned off; the last delivery, with the entry that says so, is on its way."""
        ENDED = "ended"

    workspace_id = models.UUIDField()
    state = models.TextField(choices=State.choices, default=State.ACTIVE)
    cause = models.TextField(default="")
    """Why the last attempt failed, as a word of ours; empty after a success."""
    runs = models.PositiveIntegerField(default=0)
    """How often it was started: a job of an earlier run does nothing."""
    next_at = models.DateTimeField(null=True)
    ended_entry = models.UUIDField(null=True)
    """The entry that says that it was turned off; the last delivery holds it."""
    follows = models.UUIDField(null=True)
    """The organization's schedule that decides for it, and that has the secrets; None for one of the workspace's own."""
    followed_version = models.PositiveIntegerField(null=True)
    """Of that one: what it has heard of."""

    class Meta:
        db_table = "audit_schedule"
        constraints = [models.UniqueConstraint(fields=["workspace_id", "follows"], name="audit_schedule_follows_once")]
        indexes = [models.Index(fields=["workspace_id", "-id"], name="audit_schedule_page")]


class Delivery(models.Model):
    """A stretch of the log on its way to a schedule's destination: made once, sent until it is acknowledged."""

    class State(models.TextChoices):
        PREPARED = "prepared"
        SENT = "sent"
        """At least one attempt was made, and not everything is acknowledged."""
        ACKNOWLEDGED = "acknowledged"

    id = models.UUIDField(primary_key=True)
    schedule_id = models.UUIDField()
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    state = models.TextField(choices=State.choices, default=State.PREPARED)
    first = models.BigIntegerField()
    end = models.BigIntegerField()
    manifest_sha256 = models.BinaryField()
    size_bytes = models.BigIntegerField()
    sent_lines = models.BigIntegerField(default=0)
    """How many lines are acknowledged; always up to the end of a batch."""
    attempts = models.PositiveIntegerField(default=0)
    evidence = models.TextField(default="")
    prepared_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_delivery"
        constraints = [
            # One at a time: what the destination has is a stretch without a hole.
            models.UniqueConstraint(
                fields=["schedule_id"], condition=~models.Q(state="acknowledged"), name="audit_delivery_one_open"
            ),
        ]
        indexes = [models.Index(fields=["schedule_id", "-id"], name="audit_delivery_page")]
