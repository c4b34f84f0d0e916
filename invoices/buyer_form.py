"""The form of a buyer's facts, filled in by itself or by its seller."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from invoices.authority import codes
from invoices.drafts import PartyDraft
from invoices.drafts.missing import party_defects

LABELS = {
    "name": _("Registered name"),
    "tin": _("Tax identification number (TIN)"),
    "email": _("E-mail for invoices"),
    "street": _("Street and number"),
    "city": _("City"),
    "postal_zone": _("Postal code"),
    "country": _("Country"),
}
LONGEST = {"name": 100, "tin": 20, "email": 100, "street": 150, "city": 100, "postal_zone": 20}


class BuyerForm(forms.Form):
    """One field for each fact that is asked for; what is refused says how the authority wants it."""

    def __init__(self, data: Any = None, *, missing: list[str], initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        for name in missing:
            self.fields[name] = _field(name)

    def clean(self) -> dict[str, Any]:
        """Check each fact as the authority will."""
        given = {name: str(value).strip() for name, value in self.cleaned_data.items()}
        blank = dict.fromkeys(("name", "tin", "email", "street", "city", "postal_zone"), "")
        nothing = {**blank, "telephone": "", "description": "", "state": "", "country": ""}
        party = PartyDraft(**{**nothing, **given})
        for defect in party_defects("buyer", "", party, ""):
            name = defect.field.removeprefix("buyer.")
            if name in given and name not in self.errors:
                self.add_error(name, _refusal(name, given[name]))
        return given


def _refusal(name: str, value: str) -> Any:
    if name == "tin":
        return _("A TIN has 5 to 20 characters, as on the tax certificate.")
    if name == "email":
        return _("That is no e-mail address.")
    return _("That is too short or too long for the tax authority.")


def _field(name: str) -> forms.Field:
    label = LABELS[name]
    if name == "country":
        rows = sorted((row["name"], row["alpha_2"]) for row in codes.rows("countries"))
        return forms.ChoiceField(label=label, initial="NG", choices=[(code, text) for text, code in rows])
    if name == "email":
        return forms.EmailField(label=label, max_length=LONGEST[name])
    widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(label=label, max_length=LONGEST[name], widget=widget)
