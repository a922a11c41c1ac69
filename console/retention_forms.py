"""The form of a workspace's retention policy: a number of days for each class of data."""

from __future__ import annotations

from typing import Any

from django import forms

from retention.classes import Rule, beside_payloads
from retention.contracts import Policy

_DAYS = "days_"


class RetentionForm(forms.Form):
    store_payloads = forms.BooleanField(
        label="Store prompts and answers",
        required=False,
        help_text="Redacted, and sealed under a key of each request's own.",
    )
    payload_days = forms.IntegerField(label="Days of prompts and answers", min_value=1, max_value=3650)
    reason = forms.CharField(
        max_length=500,
        required=False,
        help_text="Needed outside of what is free to choose, which only an owner may.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, policy: Policy) -> None:
        """`policy` is the one in force: what it says is what the form shows first."""
        initial: dict[str, Any] = {name: getattr(policy, name) for name in self.base_fields}
        self._before = {
            name: policy.days(name, known.rule.default) for name, known in sorted(beside_payloads().items())
        }
        initial |= {_DAYS + name: days for name, days in self._before.items()}
        super().__init__(data, initial=initial)
        for name, known in sorted(beside_payloads().items()):
            self.fields[_DAYS + name] = _days(known.label, known.rule)
        self.order_fields(["store_payloads", "payload_days", *(_DAYS + name for name in self._before), "reason"])
        self.fields["payload_days"].help_text = _free(Rule())

    def changed_classes(self) -> dict[str, int]:
        """The days that differ from the policy's: a default that nobody touched stays one."""
        said = {name: self.cleaned_data[_DAYS + name] for name in self._before}
        return {name: days for name, days in said.items() if days is not None and days != self._before[name]}

    def days(self) -> list[forms.BoundField]:
        """The fields with numbers of days, payloads' first."""
        return [self["payload_days"], *(self[_DAYS + name] for name in self._before)]


def _days(label: str, rule: Rule) -> forms.IntegerField:
    return forms.IntegerField(
        label=f"Days: {label[0].lower()}{label[1:]}",
        min_value=1,
        max_value=3650,
        required=False,
        help_text=_free(rule),
    )


def _free(rule: Rule) -> str:
    return f"{rule.fewest} to {rule.most} without a reason."
