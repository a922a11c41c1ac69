"""Forms of the pages about records: a person's file, and how an organization is reached."""

from __future__ import annotations

from django import forms

from cell.pseudonyms import LONGEST_SUBJECT
from console.forms import PLAIN
from workspaces.contracts import CONTACT_LENGTH


class SubjectExportForm(forms.Form):
    subject = forms.CharField(
        label="Person",
        max_length=LONGEST_SUBJECT,
        strip=False,
        help_text="As your application names them in `user` or `safety_identifier`, to the letter.",
        widget=forms.TextInput(PLAIN),
    )
    before = forms.CharField(
        label="Continue",
        max_length=64,
        required=False,
        help_text="`next` in export.json of a file that was not complete. Empty: from the newest request on.",
        widget=forms.TextInput(PLAIN),
    )


class ControllerForm(forms.Form):
    """How the organization is reached; empty is not stated."""

    address = forms.CharField(max_length=CONTACT_LENGTH, required=False)
    contact = forms.CharField(max_length=CONTACT_LENGTH, required=False)
    representative = forms.CharField(
        max_length=CONTACT_LENGTH, required=False, help_text="Of an organization outside of the legal area (GDPR 27)."
    )
    dpo = forms.CharField(label="Data protection officer", max_length=CONTACT_LENGTH, required=False)
