"""Forms of people and organizations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _


class SignInForm(AuthenticationForm):
    """Asks for e-mail address and password."""

    error_messages = {
        "invalid_login": _(
            "This e-mail address and password do not belong together. Check both; capital letters count."
        ),
        "inactive": _("This account is switched off. Ask an owner of your organization."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail address")
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True, "maxlength": 254}
        )
        self.fields["password"].label = _("Password")

    def clean_username(self) -> str:
        """Return the address as it is stored: nobody means a capital letter in it."""
        return str(self.cleaned_data["username"]).strip().lower()
