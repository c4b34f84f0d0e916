"""The filter of the differences; its state is the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.searching import holds
from invoices.models import Difference, DifferenceState
from invoices.models.reconciliation import CAUSES, DIFFERENCE_SEARCHED


class DifferenceFilter(forms.Form):
    """Which differences to show; a value that cannot be read is left out."""

    MINE, OWNERS = "me", "owners"

    state = forms.ChoiceField(required=False, choices=DifferenceState.choices)
    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    cause = forms.ChoiceField(
        required=False,
        label=_("Cause"),
        choices=[("", _("All")), *((cause.value, words) for cause, words in CAUSES.items())],
    )
    owner = forms.ChoiceField(
        required=False,
        label=_("Owner"),
        choices=[("", _("Everybody")), (MINE, _("Mine")), (OWNERS, _("Nobody by name"))],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"placeholder": _("Deal or number"), "type": "search"}

    @property
    def state_chosen(self) -> str:
        """Return the state to show, the open ones unless another is asked for."""
        self.is_valid()
        return self.cleaned_data.get("state") or DifferenceState.OPEN

    def apply(self, differences: QuerySet[Difference], user: Any) -> QuerySet[Difference]:
        """Return the differences that the filter lets through; `user` is who "me" is."""
        differences = differences.filter(state=self.state_chosen)
        if text := self.cleaned_data.get("q"):
            differences = differences.filter(holds(DIFFERENCE_SEARCHED, text))
        if cause := self.cleaned_data.get("cause"):
            differences = differences.filter(cause=cause)
        match self.cleaned_data.get("owner"):
            case self.MINE:
                differences = differences.filter(owner=user)
            case self.OWNERS:
                differences = differences.filter(owner=None)
        return differences
