"""The form of an export schedule: what people type, as `audit.schedules` takes it."""

from __future__ import annotations

from typing import Any

from django import forms

from audit.formats import Format
from audit.schedules import MOST_HOURS, WEEKLY_HOURS
from console.forms import PLAIN
from workspaces.regions import directory, own_region

KINDS = {
    "webhook": "HTTPS webhook",
    "splunk-hec": "Splunk, with indexer acknowledgement",
    "syslog": "Syslog over TLS",
    "s3": "S3 bucket, with whole exports",
}
FORMATS = {Format.OCSF: "OCSF 1.8", Format.ECS: "Elastic Common Schema 8.17", Format.CEF: "CEF (ArcSight)"}
_SECRETS = {"webhook": "signing", "splunk-hec": "token", "syslog": "key"}
_PEM = {**PLAIN, "rows": "4"}


class SecretArea(forms.Textarea):
    """What was typed into it is never shown again, as with a password."""

    def format_value(self, value: object) -> None:
        return None


class ScheduleForm(forms.Form):
    kind = forms.ChoiceField(label="Destination", choices=list(KINDS.items()))
    address = forms.CharField(
        max_length=2000,
        help_text="https://… of a webhook, a collector or an S3 server; host:port of a syslog receiver.",
        widget=forms.TextInput(PLAIN),
    )
    legal_area = forms.ChoiceField(label="Under the law of")
    secret = forms.CharField(
        max_length=64 * 1024,
        help_text="A signing secret (whsec_… or whsk_…), a collector's token, the key of our certificate, a bucket's secret key.",
        widget=SecretArea(_PEM),
    )
    access_key = forms.CharField(
        max_length=256,
        required=False,
        help_text="For S3: one that may put and get objects below the prefix, and nothing else.",
        widget=forms.PasswordInput({**PLAIN, "autocomplete": "new-password"}),
    )
    bucket = forms.CharField(max_length=63, required=False, help_text="For S3.", widget=forms.TextInput(PLAIN))
    key_prefix = forms.CharField(
        label="Prefix",
        max_length=256,
        required=False,
        help_text="For S3: what the objects' keys begin with, such as bailiwick/. May be empty.",
        widget=forms.TextInput(PLAIN),
    )
    region_name = forms.CharField(
        label="The bucket's region",
        max_length=63,
        required=False,
        help_text="For S3: as its server calls it, such as eu-central-1.",
        widget=forms.TextInput(PLAIN),
    )
    certificate = forms.CharField(
        label="Our certificate",
        max_length=64 * 1024,
        required=False,
        help_text="For syslog: PEM of the certificate by which the receiver knows us.",
        widget=forms.Textarea(_PEM),
    )
    ca = forms.CharField(
        label="Their authority",
        max_length=64 * 1024,
        required=False,
        help_text="PEM of the only authority to trust. Empty: those that this cell's machines trust.",
        widget=forms.Textarea(_PEM),
    )
    format = forms.ChoiceField(choices=[(name.value, label) for name, label in FORMATS.items()])
    interval_hours = forms.IntegerField(
        label="Hours between two deliveries",
        min_value=1,
        max_value=MOST_HOURS,
        initial=WEEKLY_HOURS,
        help_text=f"{WEEKLY_HOURS} is a week.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        areas = sorted({region.legal_area for region in directory().regions})
        self.fields["legal_area"].choices = [(area, area.upper()) for area in areas]  # type: ignore[attr-defined]  # a choice field
        self.fields["legal_area"].initial = own_region().legal_area

    @property
    def asked(self) -> dict[str, Any]:
        """What a valid form asks for, as both services that make a schedule take it."""
        given = self.cleaned_data
        how = {"name": Format(given["format"]), "interval_hours": given["interval_hours"]}
        return {"destination": self._destination(), "secrets": self._secrets(), **how}

    def _destination(self) -> dict[str, Any]:
        given = self.cleaned_data
        found: dict[str, Any] = {"kind": given["kind"], "legal_area": given["legal_area"]}
        if given["ca"]:
            found["ca"] = given["ca"]
        if given["kind"] == "syslog":
            host, _, port = given["address"].rpartition(":")
            found |= {"host": host or port, "certificate": given["certificate"]}
            if host:
                found["port"] = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else 0
        else:
            found["url"] = given["address"]
        if given["kind"] == "s3":
            found |= {name: given[name] for name in ("bucket", "region_name")} | {"prefix": given["key_prefix"]}
        return found

    def _secrets(self) -> dict[str, Any]:
        kind, secret = self.cleaned_data["kind"], self.cleaned_data["secret"]
        if kind == "s3":
            return {"access_key": self.cleaned_data["access_key"], "secret_key": secret.strip()}
        return {_SECRETS[kind]: [secret] if kind == "webhook" else secret}
