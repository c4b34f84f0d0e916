"""The key file's form on the settings page; its content goes in and never comes out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from invoices.qr import KeyFile, KeyFileInvalid, parse_key_file

MOST_BYTES = 20_000


class KeyFileForm(forms.Form):
    """A file, or its content pasted; `keys` is what was read."""

    file = forms.FileField(label=_("crypto_keys.txt"), required=False, max_length=255)
    text = forms.CharField(
        label=_("Or paste its content"),
        required=False,
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
    )
    keys: KeyFile

    def clean(self) -> dict[str, Any]:
        """Read the key file in either of its forms."""
        cleaned = super().clean() or self.cleaned_data
        text = read_upload(cleaned.get("file")) or cleaned.get("text") or ""
        try:
            self.keys = parse_key_file(text)
        except KeyFileInvalid as problem:
            raise forms.ValidationError(str(problem)) from problem
        return cleaned


def read_upload(upload: Any) -> str:
    """Return the text of an uploaded file, "" without one; raises ValidationError for one that is no text."""
    if upload is None:
        return ""
    if upload.size > MOST_BYTES:
        raise forms.ValidationError(_("This file is too large for a key file. Choose crypto_keys.txt."))
    try:
        return str(upload.read().decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise forms.ValidationError(_("This file is no text. Choose crypto_keys.txt.")) from problem
