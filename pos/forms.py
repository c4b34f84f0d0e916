"""The filter of the sales page; its state is the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from invoices.irn import in_lagos
from pos.listing import sold_on
from pos.models import Location, Sale, SaleState


class SaleFilter(forms.Form):
    """What to show: a day's sales, today's by default. What is none of the choices is named and left out."""

    day = forms.DateField(required=False, label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}))
    location = forms.ChoiceField(required=False, label=_("Shop"))
    state = forms.ChoiceField(required=False, label=_("State"), choices=[("", _("All")), *SaleState.choices])
    q = forms.CharField(required=False, max_length=100, label=_("Its id at the till"))

    def __init__(self, given: QueryDict) -> None:
        data = given.copy()
        if not data.get("day") and not data.get("q"):
            data["day"] = in_lagos(timezone.now()).date().isoformat()
        super().__init__(data)
        self.fields["q"].widget.attrs |= {"type": "search"}
        shops = [(str(each.pk), each.name) for each in Location.objects.order_by("name", "pk")]
        self.fields["location"].choices = [("", _("All shops")), *shops]  # type: ignore[attr-defined]

    @property
    def shown_day(self) -> Any:
        """Return the day that is shown, today for one that is none; None where an id is looked for."""
        self.is_valid()
        if self.cleaned_data.get("q"):
            return None
        return self.cleaned_data.get("day") or in_lagos(timezone.now()).date()

    def apply(self, sales: QuerySet[Sale]) -> QuerySet[Sale]:
        """Return the sales that the filter lets through; of a day on Nigeria's clock, or of an id in any month."""
        day, chosen = self.shown_day, self.cleaned_data
        sales = sales.filter(external_id=chosen["q"].strip()) if day is None else sold_on(sales, day)
        if location := chosen.get("location"):
            sales = sales.filter(location=location)
        if state := chosen.get("state"):
            sales = sales.filter(state=state)
        return sales
