"""The forms of the payments' pages; the filter's state is the address."""

from __future__ import annotations

from django import forms
from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from invoices.models import Invoice
from pos.models.payment import PaymentQuerySet

NEEDS, MATCHED, ALL = "needs", "matched", "all"


class PaymentFilter(forms.Form):
    """Which payments to show: those that need a person by default. What is none of the choices shows these too."""

    show = forms.ChoiceField(
        required=False,
        label=_("Show"),
        choices=[(NEEDS, _("Needs a person")), (MATCHED, _("Matched to an invoice")), (ALL, _("All"))],
    )
    q = forms.CharField(required=False, max_length=200, label=_("Its reference, or the invoice's number"))

    def __init__(self, given: QueryDict) -> None:
        super().__init__(given)
        self.fields["q"].widget.attrs |= {"type": "search"}
        self.is_valid()

    @property
    def shown(self) -> str:
        """Return which are shown."""
        chosen: str = self.cleaned_data.get("show") or NEEDS
        return chosen

    def apply(self, payments: PaymentQuerySet) -> PaymentQuerySet:
        """Return the payments that the filter lets through."""
        if text := (self.cleaned_data.get("q") or "").strip():
            # Found first: an index answers each of the three, and none a join.
            paid = list(Invoice.objects.filter(number=text).values_list("pk", flat=True)[:10])
            return payments.filter(Q(reference=text) | Q(invoice__in=paid) | Q(external_id=text))
        match self.shown:
            case "matched":
                return payments.matched()
            case "all":
                return payments
        return payments.needing_somebody()


class MatchForm(forms.Form):
    """Which invoice a payment pays, and why a person says so."""

    number = forms.CharField(
        max_length=60,
        label=_("Number or IRN of the invoice"),
        error_messages={"required": _("Give the number or the IRN of the invoice that it pays.")},
    )
    reason = forms.CharField(
        max_length=400,
        label=_("Why it pays this invoice"),
        error_messages={"required": _("Say why: whoever looks at it later needs to know.")},
    )


class ReasonForm(forms.Form):
    """Why a person lets a payment go, keeps it or sets it aside."""

    reason = forms.CharField(
        max_length=400,
        label=_("Why"),
        error_messages={"required": _("Say why: whoever looks at it later needs to know.")},
    )
