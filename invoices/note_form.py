"""The form of a credit or debit note."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from invoices.authority import codes
from invoices.models import Invoice, InvoiceLine
from invoices.notes import CREDIT, DEBIT, NoteRequest

WHOLE, LINES, AMOUNT, MORE = "whole", "lines", "amount", "more"


class NoteForm(forms.Form):
    """What is credited, or charged on top, and why. One field of quantity stands beside each line."""

    how = forms.ChoiceField(
        label=_("What changes"),
        widget=forms.RadioSelect,
        initial=WHOLE,
        choices=[
            (WHOLE, _("Credit the whole invoice")),
            (LINES, _("Credit quantities of its lines")),
            (AMOUNT, _("Credit an amount before tax")),
            (MORE, _("Charge an amount before tax on top (debit note)")),
        ],
    )
    net = forms.DecimalField(
        required=False, max_digits=18, decimal_places=2, min_value=0, label=_("Amount before tax"), localize=False
    )
    tax_category = forms.ChoiceField(required=False, label=_("Tax category of the amount"))
    reason = forms.CharField(
        max_length=400,
        label=_("Reason, as the buyer reads it"),
        error_messages={"required": _("Say why: the reason stands on the note.")},
    )

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = list(invoice.lines.all())
        categories = dict.fromkeys(line.tax_category for line in self.lines)
        self.fields["tax_category"].choices = [  # type: ignore[attr-defined]
            (category, codes.tax_category_name(category)) for category in categories
        ]
        for line in self.lines:
            self.fields[_name(line)] = forms.DecimalField(
                required=False,
                max_digits=18,
                decimal_places=6,
                min_value=0,
                max_value=line.quantity,
                label=_("Quantity of line %(number)d, %(name)s") % {"number": line.position, "name": line.name},
            )

    def by_line(self) -> list[tuple[InvoiceLine, BoundField]]:
        """Return each line with its field."""
        return [(line, self[_name(line)]) for line in self.lines]

    def clean(self) -> dict[str, Any]:
        """Ask for the amount where one is needed."""
        chosen: dict[str, Any] = super().clean() or {}
        if chosen.get("how") in (AMOUNT, MORE) and not chosen.get("net") and "net" not in self.errors:
            self.add_error("net", _("Give the amount before tax."))
        return chosen

    def wanted(self) -> NoteRequest:
        """Return what was asked for; the form is valid."""
        chosen = self.cleaned_data
        reason, how = chosen["reason"], chosen["how"]
        if how == WHOLE:
            return NoteRequest(reason)
        if how == LINES:
            quantities = {line.position: chosen.get(_name(line)) or Decimal(0) for line in self.lines}
            return NoteRequest(reason, quantities={line: amount for line, amount in quantities.items() if amount})
        return NoteRequest(
            reason, DEBIT if how == MORE else CREDIT, net=chosen["net"], tax_category=chosen["tax_category"]
        )


def _name(line: InvoiceLine) -> str:
    return f"line_{line.position}"
