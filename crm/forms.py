"""The filter of the deals page; its state is the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from crm.models import DealQuerySet, Owner, Pipeline
from crm.models.deal import NAME_SORT
from integrations.models import Connection

STATES = {
    "won": Q(is_won=True),
    "open": Q(is_closed=False, is_won=False),
    "lost": Q(is_closed=True, is_won=False),
}
SORTS: dict[str, str | Func] = {"closed": "close_date", "name": NAME_SORT, "amount": "amount"}


class DealFilter(forms.Form):
    """What to show. A value that is none of the choices is named beside its field and left out, the rest holds."""

    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    state = forms.ChoiceField(
        required=False,
        label=_("Outcome"),
        choices=[("", _("All")), ("won", _("Won")), ("open", _("Open")), ("lost", _("Lost"))],
    )
    stage = forms.ChoiceField(required=False, label=_("Stage"))
    owner = forms.ChoiceField(required=False, label=_("Owner"))
    connection = forms.ChoiceField(required=False, label=_("Account"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"placeholder": _("Deal, company or id"), "type": "search"}
        self.fields["stage"].choices = [("", _("All stages")), *((label, label) for label in _stage_labels())]  # type: ignore[attr-defined]
        self.fields["owner"].choices = [("", _("Everybody")), *((str(o.pk), str(o)) for o in _owners())]  # type: ignore[attr-defined]
        accounts = [(str(each.pk), each.name) for each in Connection.objects.order_by("name")]
        self.fields["connection"].choices = [("", _("All accounts")), *accounts]  # type: ignore[attr-defined]

    def apply(self, deals: DealQuerySet) -> DealQuerySet:
        """Return the deals that the filter lets through."""
        self.is_valid()
        chosen = self.cleaned_data
        if text := chosen.get("q"):
            deals = deals.matching(text)
        if state := chosen.get("state"):
            deals = deals.filter(STATES[state])
        if stage := chosen.get("stage"):
            deals = deals.filter(stage_external_id__in=_stages_called(stage), stage_label=stage)
        if owner := chosen.get("owner"):
            person = Owner.objects.get(pk=owner)
            deals = deals.filter(connection=person.connection_id, owner_external_id=person.external_id)
        if connection := chosen.get("connection"):
            deals = deals.filter(connection=connection)
        return deals

    def in_use(self) -> list[str]:
        """Return the labels of the filters that are set, for a list that found nothing."""
        return [str(self.fields[name].label) for name, value in self.cleaned_data.items() if value]


def _stage_labels() -> list[str]:
    """Return the labels of all stages, in the order of their pipelines, each once."""
    stages = [stage for pipeline in Pipeline.objects.order_by("pk") for stage in _in_order(pipeline.stages)]
    return list(dict.fromkeys(stage.get("label", "") for stage in stages if stage.get("label")))


def _stages_called(label: str) -> list[str]:
    """Return the ids of the stages that have this label; only an id is looked up by an index."""
    stages = [each for pipeline in Pipeline.objects.all() for each in pipeline.stages.items()]
    return sorted({stage_id for stage_id, facts in stages if facts.get("label") == label})


def _in_order(stages: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(stages.values(), key=lambda stage: stage.get("order", 0))


def _owners() -> list[Owner]:
    return list(Owner.objects.order_by("name", "email", "pk"))
