"""The filter of the invoices page; its state is the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from invoices.models import REGISTERED, WAITING, Invoice, Status
from invoices.reasons import held_for

# As people type dates: 2026-11-22, 22/11/2026, 22 Nov 2026.
DATES = ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y"]
# More than one status under one word: what settles by itself.
ON_THEIR_WAY, AT_THE_AUTHORITY, REFUSED, TO_APPROVE = "waiting", "registered", "refused", "to_approve"
GROUPS = {
    ON_THEIR_WAY: (*WAITING, Status.SUBMITTING),
    AT_THE_AUTHORITY: REGISTERED,
    REFUSED: (Status.REJECTED, Status.CONFIG_ERROR),
}
GROUP_WORDS = [
    (ON_THEIR_WAY, _("On their way")),
    (AT_THE_AUTHORITY, _("Signed, and what came of it")),
    (REFUSED, _("Refused")),
    (TO_APPROVE, _("Waiting for a second person")),
]
SORTS = {
    "date": "issue_date",
    "number": "number",
    "buyer": "buyer_name",
    "status": "status",
    "amount": "payable_amount",
    "made": "created_at",
}


def _date_field(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    errors = {"invalid": _("Write the date like 22/11/2026.")}
    return forms.DateField(required=False, label=label, input_formats=DATES, widget=widget, error_messages=errors)


class InvoiceFilter(forms.Form):
    """What to show. A value that cannot be read is named beside its field and left out, the rest holds."""

    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    status = forms.ChoiceField(
        required=False,
        label=_("Status"),
        choices=[("", _("All")), *Status.choices, *GROUP_WORDS],
    )
    since = _date_field(_("Issued from"))
    until = _date_field(_("Issued until"))
    reason = forms.CharField(required=False, max_length=100, label=_("Missing fact"), widget=forms.HiddenInput)
    connection = forms.IntegerField(required=False, label=_("Account"), widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"placeholder": _("Number, IRN, buyer or deal"), "type": "search"}

    def apply(self, invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Return the invoices that the filter lets through."""
        self.is_valid()
        chosen = self.cleaned_data
        if text := chosen.get("q"):
            invoices = invoices.filter(
                Q(number__icontains=text)
                | Q(irn__icontains=text)
                | Q(buyer_name__icontains=text)
                | Q(source_label__icontains=text)
            )
        if chosen.get("status") == TO_APPROVE:
            invoices = invoices.filter(status=Status.READY, needs_approval=True)
        elif status := chosen.get("status"):
            invoices = invoices.filter(status__in=GROUPS.get(status, (status,)))
        if since := chosen.get("since"):
            invoices = invoices.filter(issue_date__gte=since)
        if until := chosen.get("until"):
            invoices = invoices.filter(issue_date__lte=until)
        if connection := chosen.get("connection"):
            invoices = invoices.filter(connection=connection)
        if reason := chosen.get("reason"):
            invoices = held_for(invoices.filter(status=Status.DRAFT), reason)
        return invoices

    def in_use(self) -> list[str]:
        """Return the labels of the filters that are set, for a list that found nothing."""
        return [str(self.fields[name].label) for name, value in self.cleaned_data.items() if value]
