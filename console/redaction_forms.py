"""Forms of the redaction page. The library reads policies and says what is wrong with them; these only carry what was typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms import BoundField

from inference.gateway.dry_runs import LONGEST_DRY_RUN
from inference.redaction import TYPES, Action, OnError, OutputScan, Policy

ACTIONS = {
    Action.REVERSIBLE: "Replace, and put back into answers",
    Action.MASK: "Replace for good",
    Action.HASH: "Replace by a keyed hash",
    Action.BLOCK: "Refuse the request",
    Action.FLAG: "Leave, and count",
    Action.ALLOW: "Do not look for it",
}
ON_ERROR = {
    OnError.BLOCK: "Refuse the request",
    OnError.ALLOW: "Let the text go on as it is, on the record",
}
OUTPUT_SCAN = {
    OutputScan.OFF: "Not looked at",
    OutputScan.FLAG: "Count what is found",
    OutputScan.MASK: "Replace what is found",
}
DEFAULT = ("", "As all others")
_DOCUMENT = forms.Textarea({"rows": 16, "spellcheck": "false", "autocomplete": "off"})


class ChoicesForm(forms.Form):
    """The main choices of a policy: one field for each type, and some for all of it."""

    default_action = forms.ChoiceField(
        label="What is found",
        choices=[(word.value, text) for word, text in ACTIONS.items()],
        help_text="Card numbers and secrets are put back only where they say so themselves.",
    )
    on_error = forms.ChoiceField(
        label="What cannot be redacted", choices=[(word.value, text) for word, text in ON_ERROR.items()]
    )
    output_scan = forms.ChoiceField(
        label="What the model writes itself", choices=[(word.value, text) for word, text in OUTPUT_SCAN.items()]
    )
    ner_model = forms.CharField(
        label="Model that looks for names as well",
        required=False,
        max_length=80,
        help_text="Its name, as operators serve it; empty: none. It sees texts before they are redacted, within the region.",
        widget=forms.TextInput({"spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [DEFAULT, *((word.value, text) for word, text in ACTIONS.items())]
        for kind in TYPES:
            self.fields[kind] = forms.ChoiceField(label=kind, required=False, choices=choices)

    @property
    def kinds(self) -> Iterator[BoundField]:
        """The fields of types, for the page."""
        return (self[kind] for kind in TYPES)

    @classmethod
    def of(cls, policy: Policy) -> ChoicesForm:
        """The form as `policy` has it."""
        initial = {kind: entity.action.value for kind, entity in policy.entities.items()}
        initial |= {"default_action": policy.default_action.value, "on_error": policy.on_error.value}
        model = "" if policy.ner is None else policy.ner.model
        return cls(initial=initial | {"output_scan": policy.output_scan.value, "ner_model": model})

    def document(self, policy: Policy) -> dict[str, Any]:
        """The document of `policy` with the choices of this form, which is valid; what it does not ask stays."""
        chosen = self.cleaned_data
        document = policy.to_json()
        entities: dict[str, Any] = document["entities"]
        for kind in TYPES:
            if chosen[kind]:
                entities[kind] = entities.get(kind, {}) | {"action": chosen[kind]}
            else:
                entities.pop(kind, None)
        model = chosen["ner_model"]
        document["ner"] = document.get("ner", {}) | {"model": model} if model else "off"
        return document | {name: chosen[name] for name in ("default_action", "on_error", "output_scan")}


class _JsonField(forms.CharField):
    """A JSON object, as text; None where there is none."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is not JSON.") from None


class DocumentForm(forms.Form):
    document = _JsonField(label="Policy", max_length=1_000_000, widget=_DOCUMENT)

    @classmethod
    def of(cls, policy: Policy) -> DocumentForm:
        return cls(initial={"document": json.dumps(policy.to_json(), indent=2, ensure_ascii=False)})


class TrialForm(forms.Form):
    """The playground. The policy to try is shown to those who may decide one."""

    text = forms.CharField(
        max_length=LONGEST_DRY_RUN,
        strip=False,
        help_text="It is looked through and stored nowhere.",
        widget=forms.Textarea({"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
    )
    policy = _JsonField(
        label="Policy to try",
        max_length=1_000_000,
        required=False,
        help_text="JSON. Empty: the one in force.",
        widget=forms.Textarea({"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, decides: bool, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "trial_%s"} | kwargs)
        if not decides:
            del self.fields["policy"]
