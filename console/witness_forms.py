"""The form of a witness: what people type, as `audit.cosigning.witnesses` takes it."""

from __future__ import annotations

from django import forms

from audit.cosigning.witnesses import LONGEST_CA, NamedWitness
from console.forms import PLAIN


class WitnessForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=2000,
        help_text="https://…, up to and without add-checkpoint.",
        widget=forms.TextInput(PLAIN),
    )
    vkey = forms.CharField(
        label="Verifier key",
        max_length=200,
        help_text="As the witness said it when its key was made: name+hash+key.",
        widget=forms.TextInput(PLAIN),
    )
    ca = forms.CharField(
        label="Its authority",
        max_length=LONGEST_CA,
        required=False,
        help_text="PEM of the only authority to trust. Empty: those that this cell's machines trust.",
        widget=forms.Textarea({**PLAIN, "rows": "4"}),
    )

    @property
    def witness(self) -> NamedWitness:
        """Of a valid form."""
        return NamedWitness(**self.cleaned_data)
