"""The form in which a version of the rules is written: their words, field by field, or all of them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from crm.models import Pipeline
from invoices.rules import Rules, RulesInvalid, read_rules_text, write_rules
from invoices.rules.wording import BUYER, HEADER, LINES, OF_LINES, SWITCHES, from_words, to_words

LABELS = {
    "when": _("Conditions, all of which must hold"),
    "kind_default": _("The buyer is"),
    "kinds": _("Unless"),
    "buyer_name": _("Name"),
    "buyer_tin": _("TIN"),
    "buyer_email": _("E-mail"),
    "buyer_telephone": _("Telephone"),
    "buyer_description": _("What it does"),
    "buyer_street": _("Street"),
    "buyer_city": _("City"),
    "buyer_postal_zone": _("Postal code"),
    "buyer_lga": _("Local government area"),
    "buyer_state": _("State"),
    "buyer_country": _("Country"),
    "note": _("Note"),
    "supply_date": _("Day of supply"),
    "buyer_reference": _("Buyer's reference"),
    "order_reference": _("Order number"),
    "payment_terms_days": _("Days until payment"),
    "payment_terms_note": _("Payment terms in words"),
    "tax_category": _("Tax category"),
    "hsn_code": _("Goods code (HSN)"),
    "product_category": _("Kind of goods"),
    "isic_code": _("Service code (ISIC)"),
    "unit_code": _("Unit"),
    "description": _("Description"),
    "milestones": _("Parts of a deal"),
    "prices_include_tax": _("Prices include tax"),
    "sales_by_day": _("Hand in a shop's sales of a day together"),
    "sales_single_above": _("But alone what is above (with tax)"),
    "amount_must_match": _("Hold a deal whose typed amount is not what its lines come to"),
}
CHECKBOXES = (*SWITCHES, "sales_by_day")
KINDS = [("B2B", _("a business (B2B)")), ("B2C", _("a consumer (B2C)")), ("B2G", _("government (B2G)"))]


class RuleForm(forms.Form):
    """A version's words. What is wrong stands at its field; `rules` is what the words say once they are right."""

    pipelines = forms.MultipleChoiceField(
        required=False, label=_("Pipelines (none chosen: all)"), widget=forms.CheckboxSelectMultiple
    )
    stages = forms.MultipleChoiceField(
        required=False, label=_("Stages (none chosen: every won one)"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, shown: Rules) -> None:
        super().__init__(data, initial=_initial(shown))
        self.rules: Rules | None = None
        pipelines = list(Pipeline.objects.order_by("label", "pk"))
        self._offer("pipelines", [(each.external_id, each.label) for each in pipelines], shown.due.pipelines)
        self._offer("stages", [stage for each in pipelines for stage in _stages(each)], shown.due.stages)
        for name in to_words(shown):
            if name not in self.fields:
                self.fields[name] = _field(name)

    def clean(self) -> dict[str, Any]:
        """Read the words as rules, and put what is wrong at its field."""
        words = {name: _as_words(value) for name, value in self.cleaned_data.items()}
        try:
            self.rules = from_words(words)
        except RulesInvalid as problem:
            for each in problem.problems:
                self.add_error(each.path if each.path in self.fields else None, each.sentence)
        return self.cleaned_data

    def due_fields(self) -> list[BoundField]:
        """Return the fields of when a deal is due."""
        return [self["pipelines"], self["stages"], self["when"]]

    def buyer_fields(self) -> list[BoundField]:
        """Return the fields of the buyer's facts."""
        return [self[f"buyer_{name}"] for name in BUYER]

    def header_fields(self) -> list[BoundField]:
        """Return the fields of the document's header."""
        return [self[name] for name in HEADER]

    def line_fields(self) -> list[tuple[str, BoundField, BoundField, BoundField]]:
        """Return (label, sources, patterns, default) of each fact of a line."""
        return [
            (str(LABELS[name]), self[f"line_{name}"], self[f"line_{name}_cases"], self[f"line_{name}_default"])
            for name in LINES
        ]

    def _offer(self, name: str, known: Iterable[tuple[str, str]], chosen: Iterable[str]) -> None:
        choices = dict(known)
        # One that the account has no more stays to be seen and taken off.
        choices |= {value: f"{value} – not in the account" for value in chosen if value not in choices}
        self.fields[name].choices = list(choices.items())  # type: ignore[attr-defined]


class RuleTextForm(forms.Form):
    """A version as JSON, for what the words cannot say."""

    text = forms.CharField(
        label=_("Rules as JSON"), widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false", "class": "code"})
    )

    def __init__(self, data: Any = None, *, shown: Rules) -> None:
        super().__init__(data, initial={"text": json.dumps(write_rules(shown), indent=2, ensure_ascii=False)})
        self.rules: Rules | None = None

    def clean_text(self) -> str:
        """Read the text as rules, and name each place that is wrong."""
        text: str = self.cleaned_data["text"]
        try:
            self.rules = read_rules_text(text)
        except RulesInvalid as problem:
            found = [f"{each.path}: {each.sentence}" if each.path else each.sentence for each in problem.problems]
            raise forms.ValidationError(found) from problem
        return text


def _initial(rules: Rules) -> dict[str, Any]:
    words: dict[str, Any] = dict(to_words(rules))
    words |= {"pipelines": list(rules.due.pipelines), "stages": list(rules.due.stages)}
    return words | {name: bool(words[name]) for name in CHECKBOXES}


def _as_words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else ""
    return "\n".join(value) if isinstance(value, list) else str(value)


def _field(name: str) -> forms.Field:
    label = LABELS.get(name, name)
    if name in CHECKBOXES:
        return forms.BooleanField(required=False, label=label)
    if name == "kind_default":
        return forms.ChoiceField(label=label, choices=KINDS, widget=forms.RadioSelect)
    plain = {"spellcheck": "false", "autocomplete": "off"}
    if name in OF_LINES:
        area = forms.Textarea(attrs={"rows": 3, "class": "code", **plain})
        return forms.CharField(required=False, max_length=60_000, label=label, widget=area)
    return forms.CharField(
        required=False, max_length=5_000, label=label, widget=forms.TextInput(attrs={"class": "code", **plain})
    )


def _stages(pipeline: Pipeline) -> list[tuple[str, str]]:
    ordered = sorted(pipeline.stages.items(), key=lambda item: item[1].get("order", 0))
    return [(stage_id, f"{pipeline.label} › {stage.get('label', stage_id)}") for stage_id, stage in ordered]
