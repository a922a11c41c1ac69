"""The management API's JSON: what comes in is checked here, what goes out is shaped here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cell.access import Environment, Scope
from workspaces.contracts import CONTACT_LENGTH
from workspaces.models import NAME_LENGTH, WorkspaceState
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.services.keys import DEFAULT_DAYS, DEFAULT_OVERLAP, LONGEST_OVERLAP, MOST_CIDRS, MOST_DAYS
from workspaces.serving import (
    MOST_CONCURRENCY,
    MOST_QUEUED_TOKENS,
    MOST_REALTIME_RESERVE_PERCENT,
    MOST_REQUESTS_PER_MINUTE,
    MOST_TOKENS_PER_MINUTE,
    MOST_WEIGHT_PERCENT,
    CacheScope,
    Lane,
    Preset,
)


class StrictSerializer(serializers.Serializer[Any]):
    """Input that refuses fields it does not know: a misspelt one would otherwise be silently without effect."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name[:60]: [f"There is no such field here. Known: {known}."] for name in unknown}
            )
        return super().to_internal_value(data)


def _choices(words: Any) -> list[str]:
    return [str(word) for word in words]


class OrganizationOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    handle = serializers.CharField()
    name = serializers.CharField()
    address = serializers.CharField(help_text="How the controller is reached; empty where it was not stated.")
    contact = serializers.CharField()
    representative = serializers.CharField()
    dpo = serializers.CharField(help_text="Data protection officer.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class OrganizationPatch(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LENGTH, required=False)
    address = serializers.CharField(max_length=CONTACT_LENGTH, required=False, allow_blank=True)
    contact = serializers.CharField(max_length=CONTACT_LENGTH, required=False, allow_blank=True)
    representative = serializers.CharField(max_length=CONTACT_LENGTH, required=False, allow_blank=True)
    dpo = serializers.CharField(max_length=CONTACT_LENGTH, required=False, allow_blank=True)


class RegionOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    code = serializers.CharField()
    legal_area = serializers.CharField()
    base_url = serializers.CharField()
    console_url = serializers.CharField()
    dr_peer = serializers.CharField(allow_null=True)
    here = serializers.BooleanField()


class WorkspaceOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    environment = serializers.ChoiceField(_choices(Environment))
    region = serializers.CharField()
    region_locked = serializers.BooleanField()
    state = serializers.ChoiceField(_choices(WorkspaceState))
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class WorkspaceIn(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LENGTH)
    environment = serializers.ChoiceField(_choices(Environment), default=Environment.PRODUCTION.value)
    region = serializers.CharField(required=False, help_text="May be said, cannot be chosen: it is this cell's.")
    region_locked = serializers.BooleanField(default=False)


class WorkspacePatch(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LENGTH, required=False)
    region_locked = serializers.BooleanField(required=False)
    state = serializers.ChoiceField(
        [WorkspaceState.ACTIVE.value, WorkspaceState.SUSPENDED.value],
        required=False,
        help_text="`erased` is what an erasure of the workspace makes it.",
    )


class ServingOut(serializers.Serializer[Any]):
    preset = serializers.ChoiceField(_choices(Preset), allow_null=True, help_text="null: the deployment's.")
    cache_scope = serializers.ChoiceField(_choices(CacheScope))
    lanes = serializers.ListField(child=serializers.ChoiceField(_choices(Lane)))
    concurrency = serializers.IntegerField()
    realtime_reserve_percent = serializers.IntegerField()
    requests_per_minute = serializers.IntegerField()
    tokens_per_minute = serializers.IntegerField(help_text="Of prompts and answers together.")
    queued_tokens = serializers.IntegerField(allow_null=True, help_text="null: the engine's.")
    weight_percent = serializers.IntegerField()
    version = serializers.IntegerField()


class ServingPatch(StrictSerializer):
    preset = serializers.ChoiceField(_choices(Preset), required=False, allow_null=True)
    cache_scope = serializers.ChoiceField(_choices(CacheScope), required=False)
    lanes = serializers.ListField(
        child=serializers.ChoiceField(_choices(Lane)), required=False, allow_empty=False, max_length=len(Lane)
    )
    concurrency = serializers.IntegerField(min_value=1, max_value=MOST_CONCURRENCY, required=False)
    realtime_reserve_percent = serializers.IntegerField(
        min_value=0, max_value=MOST_REALTIME_RESERVE_PERCENT, required=False
    )
    requests_per_minute = serializers.IntegerField(min_value=1, max_value=MOST_REQUESTS_PER_MINUTE, required=False)
    tokens_per_minute = serializers.IntegerField(min_value=1, max_value=MOST_TOKENS_PER_MINUTE, required=False)
    queued_tokens = serializers.IntegerField(min_value=1, max_value=MOST_QUEUED_TOKENS, required=False, allow_null=True)
    weight_percent = serializers.IntegerField(
        min_value=1,
        max_value=MOST_WEIGHT_PERCENT,
        required=False,
        help_text="Takes workspaces:write in the whole organization.",
    )


class KeyOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    prefix = serializers.CharField()
    name = serializers.CharField()
    workspace = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(_choices(Scope)))
    cidrs = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    successor_of = serializers.CharField(allow_null=True)


class IssuedKeyOut(KeyOut):
    token = serializers.CharField(help_text="The key itself. This is the only time it is shown.")


class KeyIn(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LENGTH)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(_choices(Scope)), allow_empty=False, max_length=len(Scope)
    )
    expires_in_days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=DEFAULT_DAYS)
    cidrs = serializers.ListField(child=serializers.CharField(max_length=49), max_length=MOST_CIDRS, default=list)


class RotationIn(StrictSerializer):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        default=int(DEFAULT_OVERLAP.total_seconds()),
        help_text="How long the old key goes on working.",
    )


class MemberOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.ChoiceField(_choices(OrganizationRole))
    active = serializers.BooleanField()
    enrolled = serializers.BooleanField()
    version = serializers.IntegerField()


class MemberIn(StrictSerializer):
    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=NAME_LENGTH)
    role = serializers.ChoiceField(_choices(OrganizationRole), default=OrganizationRole.MEMBER.value)


class MemberPatch(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LENGTH, required=False)
    role = serializers.ChoiceField(_choices(OrganizationRole), required=False)
    active = serializers.BooleanField(required=False, source="is_active")


class InvitationOut(MemberOut):
    enrolment_url = serializers.CharField(help_text="Hand it to the person: it works once, for three days.")


class MembershipOut(serializers.Serializer[Any]):
    member = MemberOut()
    workspace = serializers.CharField()
    role = serializers.ChoiceField(_choices(WorkspaceRole))


class MembershipIn(StrictSerializer):
    role = serializers.ChoiceField(_choices(WorkspaceRole))
