"""Organizations, workspaces, members, their roles, and keys, as they are stored.

Every table is isolated by organization (row-level security), and every reference is composite, so a row that points into
another organization cannot be stored. The constraints that Django cannot express are in the migrations. Nothing outside
this app touches these models: see `contracts` for what leaves it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from cell.access import Environment
from cell.ids import uuid7
from workspaces.contracts import CONTACT_LENGTH
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.serving import (
    CONCURRENCY,
    MOST_CONCURRENCY,
    MOST_QUEUED_TOKENS,
    MOST_REALTIME_RESERVE_PERCENT,
    MOST_REQUESTS_PER_MINUTE,
    MOST_TOKENS_PER_MINUTE,
    MOST_WEIGHT_PERCENT,
    REALTIME_RESERVE_PERCENT,
    REQUESTS_PER_MINUTE,
    TOKENS_PER_MINUTE,
    WEIGHT_PERCENT,
    CacheScope,
    Lane,
    Preset,
)

NAME_LENGTH = 120


class WorkspaceState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Inference is refused; management, erasure and export go on."""
    ERASED = "erased"
    """All it held is erased or being erased: nothing can be asked of it any more, and its proofs stay. For ever."""


def _values(words: type[StrEnum]) -> list[str]:
    return [word.value for word in words]


def _choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class Organization(models.Model):
    """The customer, in this cell. The same customer in another region is another row in another cell."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    handle = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=NAME_LENGTH)
    # How the controller is reached (GDPR 30(2)(a)); empty where it was not stated.
    address = models.CharField(max_length=CONTACT_LENGTH, blank=True, default="")
    contact = models.CharField(max_length=CONTACT_LENGTH, blank=True, default="")
    representative = models.CharField(max_length=CONTACT_LENGTH, blank=True, default="")
    dpo = models.CharField(max_length=CONTACT_LENGTH, blank=True, default="")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)


class Workspace(models.Model):
    """An isolated tenant. `region` is a foreign key to this cell's identity: no other value can be stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)
    environment = models.CharField(max_length=16)
    region = models.TextField(editable=False)
    region_locked = models.BooleanField(default=False)
    state = models.CharField(max_length=16, default=WorkspaceState.ACTIVE.value)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "id"], name="workspace_of_organization"),
            models.CheckConstraint(condition=Q(environment__in=_values(Environment)), name="workspace_environment"),
            models.CheckConstraint(condition=Q(state__in=_values(WorkspaceState)), name="workspace_state"),
        ]


def _within(least: int, most: int) -> list[Any]:
    return [MinValueValidator(least), MaxValueValidator(most)]


def _all_lanes() -> list[str]:
    return _values(Lane)


class ServingPolicy(models.Model):
    """How a workspace is served: one row for each, made with it. `contracts.ServingInfo` says what the fields mean."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="+", db_constraint=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    preset = models.CharField(max_length=16, choices=_choices(Preset), blank=True, null=True)
    cache_scope = models.CharField(max_length=16, choices=_choices(CacheScope), default=CacheScope.WORKSPACE.value)
    lanes = ArrayField(models.CharField(max_length=16, choices=_choices(Lane)), default=_all_lanes)
    concurrency = models.PositiveIntegerField(default=CONCURRENCY, validators=_within(1, MOST_CONCURRENCY))
    realtime_reserve_percent = models.PositiveSmallIntegerField(
        default=REALTIME_RESERVE_PERCENT, validators=_within(0, MOST_REALTIME_RESERVE_PERCENT)
    )
    requests_per_minute = models.PositiveIntegerField(
        default=REQUESTS_PER_MINUTE, validators=_within(1, MOST_REQUESTS_PER_MINUTE)
    )
    tokens_per_minute = models.PositiveIntegerField(
        default=TOKENS_PER_MINUTE, validators=_within(1, MOST_TOKENS_PER_MINUTE)
    )
    queued_tokens = models.PositiveIntegerField(blank=True, null=True, validators=_within(1, MOST_QUEUED_TOKENS))
    weight_percent = models.PositiveSmallIntegerField(
        default=WEIGHT_PERCENT, validators=_within(1, MOST_WEIGHT_PERCENT)
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(preset__in=_values(Preset)), name="serving_preset"),
            models.CheckConstraint(condition=Q(cache_scope__in=_values(CacheScope)), name="serving_cache_scope"),
            models.CheckConstraint(condition=Q(lanes__contained_by=_values(Lane)) & ~Q(lanes=[]), name="serving_lanes"),
        ]


class Member(AbstractBaseUser):
    """A person with roles in one organization. The e-mail address is unique there, and not beyond: see sign_on."""

    last_login = None  # sign-ins are in the audit log
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=NAME_LENGTH)
    role = models.CharField(max_length=16)
    is_active = models.BooleanField(default=True)
    totp_secret = models.BinaryField(blank=True, null=True, editable=False)
    """Sealed under the cell's root key, bound to the member. None until they have enrolled."""
    totp_counter = models.BigIntegerField(default=0)
    """The time step of the last code that was accepted: no code of it or before it is accepted again."""
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "id"  # Django wants one that is unique in the whole table
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = []

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "email"], name="member_email"),
            models.UniqueConstraint(fields=["organization", "id"], name="member_of_organization"),
            models.CheckConstraint(condition=Q(role__in=_values(OrganizationRole)), name="member_role"),
        ]
        indexes: ClassVar = [models.Index(fields=["email"], name="member_by_email")]


class Membership(models.Model):
    """The role of a member in a workspace; one at most. PostgreSQL deletes it with the member."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_constraint=False)
    member = models.ForeignKey(Member, models.DO_NOTHING, related_name="+", db_constraint=False)
    role = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "member"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=_values(WorkspaceRole)), name="membership_role"),
        ]


class Key(models.Model):
    """A credential of a workspace, or of the organization when `workspace` is None. It belongs to them, not to a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key_id = models.CharField(max_length=12, unique=True, editable=False)
    """The part of the token that names it."""
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    workspace = models.ForeignKey(
        Workspace, models.PROTECT, blank=True, null=True, related_name="+", db_constraint=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    secret_hash = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=40))
    cidrs = ArrayField(models.CharField(max_length=49), default=list, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(blank=True, null=True)
    last_used_at = models.DateTimeField(blank=True, null=True)
    """To the hour."""
    successor_of = models.UUIDField(blank=True, null=True, editable=False)
    """The key that this one was rotated from."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization", "workspace"], name="key_of_workspace")]


class SubprocessorVersion(models.Model):
    """What the operator published once, and no tenant's: whom it engages. Nobody changes or deletes a version."""

    version = models.PositiveIntegerField(primary_key=True)
    document = models.JSONField()
    """As in docs/formats/subprocessors.md."""
    published_at = models.DateTimeField()
    objections_until = models.DateTimeField()
    announced_at = models.DateTimeField(null=True)
    """When every workspace had been told."""


class SubprocessorNotice(models.Model):
    """A workspace's log tells of a version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_constraint=False)
    version = models.PositiveIntegerField()
    announced_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "workspace"], name="subprocessor_notice_once")
        ]


class SubprocessorAcknowledgement(models.Model):
    """An owner has taken note of a version, and of those before it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    acknowledged_by = models.TextField()
    """Not a reference: a member who is removed leaves their pseudonym."""
    acknowledged_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "version"], name="subprocessor_acknowledged_once")
        ]


class AgreementAcceptance(models.Model):
    """A version of the data processing agreement that was accepted for the organization, as it was offered then."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    version = models.TextField()
    reference = models.TextField()
    sha256 = models.TextField(null=True)
    accepted_by = models.TextField()
    accepted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "version"], name="agreement_accepted_once")
        ]
