"""The filter of the invoices page; its state is the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Func, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.lists import Sort, read_sort
from invoices.models import REGISTERED, WAITING, Invoice, Status
from invoices.models.invoice import BUYER_SORT, InvoiceQuerySet
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
SORTS: dict[str, str | Func] = {
    "date": "issue_date",
    "number": "number",
    "buyer": BUYER_SORT,
    "status": "status",
    "amount": "payable_amount",
    "made": "pk",
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

    def apply(self, all_invoices: InvoiceQuerySet) -> QuerySet[Invoice]:
        """Return the invoices that the filter lets through."""
        self.is_valid()
        chosen = self.cleaned_data
        text = chosen.get("q")
        invoices: QuerySet[Invoice] = all_invoices.matching(text) if text else all_invoices
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

    def sort(self, text: str) -> Sort:
        """Return the order asked for: newest first, or by date where dates are chosen.

        Numbers and dates rise together, so that an old month in the order of making would be looked for from today on.
        """
        sort = read_sort(text, SORTS, "-made")
        has_dates = self.cleaned_data.get("since") or self.cleaned_data.get("until")
        return read_sort("-date", SORTS, "-made") if has_dates and sort.key == "made" else sort

    def in_use(self) -> list[str]:
        """Return the labels of the filters that are set, for a list that found nothing."""
        return [str(self.fields[name].label) for name, value in self.cleaned_data.items() if value]
