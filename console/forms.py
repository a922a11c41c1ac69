"""Forms of the console. What they check is for people's comfort; services check again, for everyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from cell.access import Environment, Scope
from cell.pseudonyms import LONGEST_SUBJECT
from workspaces.contracts import MemberInfo
from workspaces.permissions import OrganizationRole, WorkspaceRole
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

PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
"""Of a field for what is no prose and nobody's own: browsers neither help nor remember."""
WORDS = {
    Scope.INFERENCE_CHAT: "Chat and completions",
    Scope.INFERENCE_EMBEDDINGS: "Embeddings",
    Scope.MODELS_READ: "List models",
    Scope.WORKSPACES_READ: "Read the workspace",
    Scope.WORKSPACES_WRITE: "Change the workspace",
    Scope.KEYS_READ: "List keys",
    Scope.KEYS_WRITE: "Issue and revoke keys",
    Scope.MEMBERS_READ: "List members",
    Scope.MEMBERS_WRITE: "Change members",
    Scope.REDACTION_READ: "Read the redaction policy",
    Scope.REDACTION_WRITE: "Change the redaction policy",
    Scope.RETENTION_READ: "Read the retention policy",
    Scope.RETENTION_WRITE: "Change the retention policy",
    Scope.ERASURES_READ: "Read erasures",
    Scope.ERASURES_WRITE: "Start erasures",
    Scope.AUDIT_READ: "Read the audit log",
    Scope.AUDIT_EXPORT: "Export the audit log",
    Scope.DEPLOYMENTS_READ: "Read deployments",
    Scope.DEPLOYMENTS_WRITE: "Change deployments",
}
"""What each scope allows, in words."""

ORGANIZATION_ROLES = {
    OrganizationRole.MEMBER: "Member: only what their workspaces give them",
    OrganizationRole.BILLING: "Billing: sees the workspaces",
    OrganizationRole.SECURITY_ADMIN: "Security admin: members, keys and policies everywhere",
    OrganizationRole.OWNER: "Owner: everything",
}

WORKSPACE_ROLES = {
    WorkspaceRole.VIEWER: "Viewer: reads the settings",
    WorkspaceRole.DEVELOPER: "Developer: inference and keys",
    WorkspaceRole.DPO: "Data protection officer: erasures",
    WorkspaceRole.AUDITOR: "Auditor: the audit log and nothing else",
    WorkspaceRole.ADMIN: "Admin: everything in this workspace",
}


class PasswordForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput({"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        max_length=512, strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )
    handle = forms.CharField(
        label="Organization",
        max_length=40,
        required=False,
        help_text="Only if you belong to several.",
        widget=forms.TextInput({"autocomplete": "organization", "autocapitalize": "none", "spellcheck": "false"}),
    )


class _CodeField(forms.CharField):
    def __init__(self) -> None:
        attributes = {"autocomplete": "one-time-code", "inputmode": "numeric", "pattern": "[0-9 ]{6,7}"}
        super().__init__(
            label="Code",
            max_length=7,
            help_text="Six digits, from your authenticator app.",
            widget=forms.TextInput(attributes),
        )

    def clean(self, value: Any) -> str:
        return str(super().clean(value)).replace(" ", "")


class CodeForm(forms.Form):
    code = _CodeField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autofocus"] = True


class EnrolmentForm(forms.Form):
    password = forms.CharField(
        label="New password",
        max_length=512,
        strip=False,
        help_text="At least 12 characters. A few unrelated words are good.",
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    code = _CodeField()


class WorkspaceForm(forms.Form):
    """There is no field for the region: it is this cell's."""

    name = forms.CharField(max_length=120, widget=forms.TextInput({"autofocus": True, "autocomplete": "off"}))
    environment = forms.ChoiceField(
        choices=[(word.value, word.value.capitalize()) for word in Environment], widget=forms.RadioSelect()
    )
    region_locked = forms.BooleanField(
        label="Lock the region",
        required=False,
        help_text="Serve it from this region alone, also when the region fails.",
    )


class SettingsForm(forms.Form):
    name = forms.CharField(max_length=120, widget=forms.TextInput({"autocomplete": "off"}))


PRESETS = {
    "": "As the deployment has it",
    Preset.LOW_LATENCY: "Low latency",
    Preset.BALANCED: "Balanced",
    Preset.HIGH_THROUGHPUT: "High throughput",
}
CACHE_SCOPES = {
    CacheScope.WORKSPACE: "All keys of the workspace",
    CacheScope.KEY: "The same key",
    CacheScope.REQUEST: "Nobody: nothing is reused",
}
LANES = {
    Lane.REALTIME: "Realtime: somebody is waiting",
    Lane.STANDARD: "Standard",
    Lane.BATCH: "Batch: when there is room",
}


class ServingForm(forms.Form):
    """How the workspace is served. The weight is shown only to whoever may set it."""

    requests_per_minute = forms.IntegerField(
        label="Requests per minute", min_value=1, max_value=MOST_REQUESTS_PER_MINUTE
    )
    tokens_per_minute = forms.IntegerField(
        label="Tokens per minute",
        min_value=1,
        max_value=MOST_TOKENS_PER_MINUTE,
        help_text="Of prompts and answers together.",
    )
    concurrency = forms.IntegerField(
        label="Requests at once",
        min_value=1,
        max_value=MOST_CONCURRENCY,
        help_text="Inference calls that may run at the same time.",
    )
    realtime_reserve_percent = forms.IntegerField(
        label="Kept for realtime, in percent",
        min_value=0,
        max_value=MOST_REALTIME_RESERVE_PERCENT,
        help_text="Of the requests at once: only the realtime lane may use them.",
    )
    queued_tokens = forms.IntegerField(
        label="Tokens that may wait",
        min_value=1,
        max_value=MOST_QUEUED_TOKENS,
        required=False,
        help_text="In an engine's queue. Empty: as the engine has it.",
    )
    lanes = forms.MultipleChoiceField(
        label="Lanes",
        choices=[(word.value, text) for word, text in LANES.items()],
        widget=forms.CheckboxSelectMultiple(),
    )
    preset = forms.ChoiceField(label="Batching of embeddings", required=False, choices=list(PRESETS.items()))
    cache_scope = forms.ChoiceField(
        label="Who may reuse a prompt that was computed",
        choices=[(word.value, text) for word, text in CACHE_SCOPES.items()],
    )
    weight_percent = forms.IntegerField(
        label="Weight, in percent",
        min_value=1,
        max_value=MOST_WEIGHT_PERCENT,
        help_text="Its share of an engine beside others', 100 being the usual one.",
    )

    def __init__(self, *args: Any, weighs: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not weighs:
            del self.fields["weight_percent"]

    def clean_preset(self) -> str | None:
        return self.cleaned_data["preset"] or None


class KeyForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="What it is for.", widget=forms.TextInput({"autocomplete": "off"}))
    scopes = forms.MultipleChoiceField(label="It may", widget=forms.CheckboxSelectMultiple())
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=365, initial=90)
    cidrs = forms.CharField(
        label="Networks",
        max_length=2500,
        required=False,
        help_text="Where it may be used from, like 203.0.113.0/24, with spaces between. Empty: anywhere.",
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, grantable: frozenset[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        field.choices = [(scope.value, WORDS[scope]) for scope in Scope if scope in grantable]  # type: ignore[attr-defined]  # a choice field

    def clean_cidrs(self) -> list[str]:
        return str(self.cleaned_data["cidrs"]).replace(",", " ").split()


class InvitationForm(forms.Form):
    name = forms.CharField(max_length=120, widget=forms.TextInput({"autocomplete": "off"}))
    email = forms.EmailField(label="E-mail address", max_length=254, widget=forms.EmailInput({"autocomplete": "off"}))
    role = forms.ChoiceField(
        label="Role in the organization", choices=[(word.value, text) for word, text in ORGANIZATION_ROLES.items()]
    )


class MembershipForm(forms.Form):
    """A member of the organization and the role they get in the workspace."""

    member = forms.ChoiceField()
    role = forms.ChoiceField(choices=[(word.value, text) for word, text in WORKSPACE_ROLES.items()])

    def __init__(self, *args: Any, members: Sequence[MemberInfo], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(member.id, f"{member.name} ({member.email})") for member in members]
        self.fields["member"].choices = choices  # type: ignore[attr-defined]  # a choice field


class _TargetForm(forms.Form):
    """What an erasure or a hold may be of, but for the whole workspace."""

    request = forms.CharField(
        label="A request",
        max_length=64,
        required=False,
        help_text="Its id, as the header x-request-id of its answer gave it.",
        widget=forms.TextInput(PLAIN),
    )
    subject = forms.CharField(
        label="Everything about a person",
        max_length=LONGEST_SUBJECT,
        required=False,
        strip=False,
        help_text="As your application names them in “user” or “safety_identifier”. Only a pseudonym of it is kept.",
        widget=forms.TextInput(PLAIN),
    )


class ErasureForm(_TargetForm):
    """One of the three."""

    workspace = forms.CharField(
        label="The whole workspace",
        max_length=64,
        required=False,
        help_text="Type the workspace's id. Its keys are revoked, all it holds goes, and it never opens again.",
        widget=forms.TextInput(PLAIN),
    )

    def clean(self) -> dict[str, object]:
        filled = {name: value for name, value in (super().clean() or {}).items() if value}
        if len(filled) != 1:
            raise forms.ValidationError("Fill in one of the three: what is to be erased.")
        return filled


class HoldForm(_TargetForm):
    """A reason, and one of the three. Its fields have ids of their own: it stands beside another form."""

    everything = forms.BooleanField(label="The whole workspace", required=False)
    reason = forms.CharField(
        max_length=500,
        help_text="Such as the reference of the claim; name nobody. It is shown here and is not in the log.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="hold_%s")

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if sum(bool(said.get(name)) for name in ("request", "subject", "everything")) != 1:
            raise forms.ValidationError("Choose one of the three: what is to be held.")
        return said
