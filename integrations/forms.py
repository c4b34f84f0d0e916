"""Forms of connections."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from integrations.models import Connection


class DisconnectForm(forms.Form):
    """Asks for the account's name, so that nobody disconnects one by a slip."""

    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection
        self.fields["name"].label = _("Type the account's name: %(name)s") % {"name": connection.name}
        self.fields["name"].error_messages["required"] = _("Type the account's name to disconnect it.")

    def clean_name(self) -> str:
        """Return the name; refuses any other than the account's, capital letters and spaces aside."""
        typed = str(self.cleaned_data["name"])
        if _plain(typed) != _plain(self.connection.name):
            raise forms.ValidationError(
                _("This is not the account's name, so nothing was disconnected. The name is %(name)s."),
                params={"name": self.connection.name},
            )
        return typed


class ServiceKeyForm(forms.Form):
    """Takes a service key; it is stored encrypted and never shown again."""

    key = forms.CharField(
        max_length=500,
        label=_("Service key"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Paste the key.")},
    )

    def clean_key(self) -> str:
        """Return the key; refuses what no key holds and no HTTP header can carry, without repeating it."""
        key = str(self.cleaned_data["key"]).strip()
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise forms.ValidationError(
                _("A key holds no spaces and no special characters. Copy it again, whole, from where it was made.")
            )
        return key


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
