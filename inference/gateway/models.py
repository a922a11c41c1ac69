"""One row for each request that was admitted, for each web process that may hold some, for each deployment and each
artifact, for each version of a redaction policy, and usage by day."""

from __future__ import annotations

from django.db import models


class RequestRecord(models.Model):
    """How a request ended: the figures, never a word of what was said. `id` is the request's number.

    Written once, in the transaction of the request's last audit entry. No foreign keys: a batch of rows mixes tenants, and
    the hot path checks nothing twice.
    """

    id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    key_id = models.UUIDField()
    kind = models.TextField()
    """`chat`, `completion` or `embedding`."""
    model = models.TextField()
    lane = models.TextField()
    streamed = models.BooleanField()
    subject = models.BinaryField(null=True)
    """Keyed pseudonym of whom the request is about; cleared by erasure, and when its time is over."""
    status = models.TextField()
    """`completed`, `cancelled` (the client went away), `failed`, or `unknown` (its process died)."""
    http_status = models.SmallIntegerField()
    finish_reason = models.TextField(null=True)
    prompt_tokens = models.IntegerField()
    completion_tokens = models.IntegerField()
    redactions = models.JSONField()
    """Findings by type, e.g. ``{"EMAIL": 2}``."""
    started_at = models.DateTimeField()
    duration_ms = models.IntegerField()

    class Meta:
        db_table = "gateway_request"
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="gateway_request_page"),
            models.Index(
                fields=["workspace_id", "subject"],
                name="gateway_request_subject",
                condition=models.Q(subject__isnull=False),
            ),
            models.Index(
                fields=["workspace_id", "id"],
                name="gateway_request_named",
                condition=models.Q(subject__isnull=False),
            ),
        ]


class WebProcess(models.Model):
    """A web process that admits requests, known by the tag in the ids it makes."""

    tag = models.IntegerField(primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    """When it said that it serves no more."""

    class Meta:
        db_table = "gateway_process"


class DeploymentRecord(models.Model):
    """What is served under one name. No tenant's: it is the operator's, and every workspace sees the name."""

    name = models.TextField(primary_key=True)
    document = models.JSONField()
    """As in docs/formats/deployment.md."""
    revision = models.IntegerField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "gateway_deployment"


class ArtifactRecord(models.Model):
    """An artifact that the cell made and keeps in its object store, until it is removed. Nothing else of a row changes."""

    address = models.TextField(primary_key=True)
    checkpoint = models.TextField()
    """Digest."""
    weights = models.TextField()
    """`as-they-are`, `int8`, `int4` or `float8`."""
    device = models.TextField()
    """The processor or GPU that it is for."""
    report = models.JSONField()
    """Contract, parity and measurements, as in its manifest: docs/formats/artifact.md."""
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "gateway_artifact"
        indexes = [models.Index(fields=["checkpoint", "-made_at"], name="gateway_artifact_of")]


class RedactionPolicyVersion(models.Model):
    """What one workspace decided about redaction. A version never changes; the highest is in force, and without one the default.

    `document` may hold what the customer calls personal, so nobody but the tenant reads it.
    """

    pk = models.CompositePrimaryKey("workspace_id", "version")
    workspace_id = models.UUIDField()
    version = models.PositiveIntegerField()
    organization_id = models.UUIDField()
    document = models.JSONField()
    """As in docs/formats/redaction-policy.md."""
    compiled = models.BinaryField()
    """`inference.redaction.CompiledPolicy.dump`."""
    decided_at = models.DateTimeField()

    class Meta:
        db_table = "gateway_redaction_policy"


class Usage(models.Model):
    """What a workspace asked for on a day (UTC) of one model, in one lane and of one kind: figures that name nobody.

    Only `gateway_count_usage`, a function of the database, writes here. They outlive the records that they were made from.
    """

    pk = models.CompositePrimaryKey("workspace_id", "day", "model", "lane", "kind")
    workspace_id = models.UUIDField()
    organization_id = models.UUIDField()
    day = models.DateField()
    """When the first bytes came."""
    model = models.TextField()
    lane = models.TextField()
    kind = models.TextField()
    completed = models.BigIntegerField()
    cancelled = models.BigIntegerField()
    failed = models.BigIntegerField()
    unknown = models.BigIntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    duration_ms = models.BigIntegerField()

    class Meta:
        db_table = "gateway_usage"


class UsageCount(models.Model):
    """How far usage is counted: one row."""

    id = models.SmallIntegerField(primary_key=True)
    open_day = models.DateField()
    """The first day whose figures may still grow; on those before it every request has ended and is counted."""
    counted_at = models.DateTimeField(null=True)
    """When the last count that came to its end began."""

    class Meta:
        db_table = "gateway_usage_count"
