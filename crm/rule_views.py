"""The rules pages: versions, the editor with its preview on real deals, examples, simulation; and origins of values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organization
from accounts.permissions import Act, may, require
from crm.models import Deal
from crm.rule_form import RuleForm, RuleTextForm
from crm.services.activating import activate, in_force, roll_back
from crm.services.explaining import PROGRAM
from crm.services.trying import Trial, Tried, check_examples, keep_example, simulate
from crm.tracing import Tracer
from integrations.base.errors import IntegrationError
from integrations.base.registry import get_connector_class
from invoices.drafts import Missing
from invoices.models import RuleExample, RuleSet, RuleStatus
from invoices.outcomes import facts_of, key_paths, lacking
from invoices.rules import Rules, RulesInvalid, write_rules
from invoices.rules.wording import fits_words
from invoices.services.ruling import RulesInForce, RulesRefused, active_rules, is_understood, save_draft, version_before
from invoices.tracing import Traced

DEALS_OFFERED = 30
LAST_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class PartShown:
    """One invoice of a deal as the preview shows it; `prefix` begins its paths where there are several."""

    number: int
    traced: list[Traced]
    missing: tuple[Missing, ...]
    prefix: str


@require_safe
@require(Act.VIEW)
def rules(request: HttpRequest) -> HttpResponse:
    """Show what holds, every version, and the examples with whether they pass."""
    organization = _organization(request)
    versions = list(RuleSet.objects.select_related("created_by"))
    active = next((each for each in versions if each.status == RuleStatus.ACTIVE), None)
    context = {
        "versions": versions,
        "active": active,
        "before": version_before(organization),
        "examples": check_examples(organization=organization, in_force=active_rules(organization.pk)),
        "may_change": may(request, Act.RULES),
    }
    return render(request, "crm/rules.html", context)


@require_POST
@require(Act.RULES)
def rule_new(request: HttpRequest) -> HttpResponse:
    """Begin a draft as a copy of a version, or of what holds."""
    copied = RuleSet.objects.filter(pk=_number(request.POST.get("copy"))).first()
    found = copied.content if copied else write_rules(active_rules(_organization(request).pk).rules)
    try:
        draft = save_draft(organization=_organization(request), content=found, by=request.user)  # type: ignore[arg-type]
    except RulesInvalid:
        messages.error(request, _("That version was written for an older program and cannot be copied."))
        return redirect("rules")
    return redirect("rule_edit", pk=draft.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Act.VIEW)
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a version, and let a draft be changed, tried on a deal, and an example kept; nothing is saved by trying."""
    rule_set: RuleSet = get_object_or_404(RuleSet.objects.all(), pk=pk)
    if not is_understood(rule_set):
        messages.error(request, _("%(name)s was written for an older program.") % {"name": rule_set})
        return redirect("rules")
    if request.method == "POST" and not may(request, Act.RULES):
        messages.error(request, _("Your role can look but not change the rules."))
        return redirect("rule_edit", pk=pk)
    as_text = "text" in request.POST or request.GET.get("as") == "json" or not fits_words(rule_set.rules)
    form_class: type[RuleForm | RuleTextForm] = RuleTextForm if as_text else RuleForm
    form = form_class(request.POST or None, shown=rule_set.rules)
    act = request.POST.get("act", "")
    if request.method == "POST" and form.is_valid() and form.rules is not None and act == "save":
        return _save(request, rule_set, form.rules)
    context = {
        "rule_set": rule_set,
        "form": form,
        "as_text": as_text,
        "is_draft": rule_set.status == RuleStatus.DRAFT,
        "may_change": may(request, Act.RULES),
        "version_note": request.POST.get("version_note", rule_set.note),
        "deals": Deal.objects.won().order_by("-close_date", "-pk").only("external_id", "name")[:DEALS_OFFERED],
        **_preview(request, form.rules if request.method == "POST" else rule_set.rules, rule_set, act),
    }
    if request.htmx and act == "preview":  # type: ignore[attr-defined]
        return render(request, "crm/rule_preview.html", context)
    return render(request, "crm/rule.html", context, status=422 if form.errors else 200)


def _save(request: HttpRequest, rule_set: RuleSet, content: Rules) -> HttpResponse:
    try:
        save_draft(
            organization=rule_set.organization, content=write_rules(content), note=request.POST.get("version_note", ""),
            by=request.user, rule_set=rule_set,  # type: ignore[arg-type]
        )  # fmt: skip
    except RulesRefused as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("%(name)s is saved. It holds once it is activated.") % {"name": rule_set})
    deal = request.POST.get("deal", "")
    return redirect(f"{request.path}?deal={deal}" if deal.isalnum() else request.path)


def _preview(request: HttpRequest, tried_rules: Rules | None, rule_set: RuleSet, act: str) -> dict[str, Any]:
    """Return what the preview shows of the chosen deal, by rules that may not be saved yet."""
    wanted = (request.POST.get("deal") or request.GET.get("deal") or "").strip()[:200]
    deal = _deal(wanted)
    if deal is None or tried_rules is None:
        return {"wanted": wanted, "deal": deal}
    trial = Trial(_organization(request), RulesInForce(tried_rules, rule_set.pk))
    context: dict[str, Any] = {"wanted": wanted, "deal": deal}
    try:
        tried = trial.of_deal(deal, read_anew=act in ("read", "keep"))
    except IntegrationError as problem:
        messages.error(request, problem.sentence)
        tried = trial.of_deal(deal)
    if act == "keep":
        _keep(request, tried)
    shown = _parts(trial, tried, deal, rule_set)
    keys = set(key_paths(tried.facts))
    unread = any(fact.field == "rules.properties" for part in shown for fact in part.missing)
    return {**context, "tried": tried, "parts": shown, "keys": keys, "is_unread": unread}


def _parts(trial: Trial, tried: Tried, deal: Deal, rule_set: RuleSet) -> list[PartShown]:
    name = get_connector_class(deal.connection.provider).info.name
    found = []
    for number, (draft, origins) in enumerate(zip(tried.drafts, tried.origins, strict=True), 1):
        prefix = f"parts.{number}." if len(tried.drafts) > 1 else ""
        facts = facts_of([draft], trial.seller, trial.law, trial.today)
        traced = Tracer(tried.record, draft, origins, name, str(rule_set)).of_facts(facts)
        found.append(PartShown(number, traced, lacking(draft, trial.seller), prefix))
    return found


def _keep(request: HttpRequest, tried: Tried) -> None:
    try:
        kept = keep_example(
            tried=tried,
            organization=_organization(request),
            name=request.POST.get("example", ""),
            paths=[path for path in request.POST.getlist("expect") if path in tried.facts],
            by=request.user,  # type: ignore[arg-type]
        )
    except RulesRefused as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("“%(name)s” is an example now: every version must pass it.") % {"name": kept})


def _deal(wanted: str) -> Deal | None:
    if not wanted:
        return None
    whole = Deal.objects.select_related("company__buyer_facts", "contact", "connection").prefetch_related(
        "lines", "aliases"
    )
    found: Deal | None = whole.filter(external_id=wanted).first()
    return found or whole.filter(Q(name__icontains=wanted)).order_by("-close_date", "-pk").first()


@require_POST
@require(Act.RULES)
def rule_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Activate a draft, or delete it."""
    rule_set: RuleSet = get_object_or_404(RuleSet.objects.select_related("organization"), pk=pk)
    if act == "delete":
        if rule_set.status != RuleStatus.DRAFT:
            messages.error(request, _("%(name)s was active and stays.") % {"name": rule_set})
        else:
            rule_set.delete()
            messages.success(request, _("The draft is deleted."))
        return redirect("rules")
    try:
        activate(rule_set=rule_set, by=request.user)  # type: ignore[arg-type]
    except (RulesRefused, RulesInvalid) as problem:
        messages.error(request, str(problem))
        return redirect("rule_edit", pk=pk)
    text = _("%(name)s holds from now on. Deals that are not handed in yet are looked at again within a minute.")
    messages.success(request, text % {"name": rule_set})
    return redirect("rules")


@require_POST
@require(Act.RULES)
def rules_roll_back(request: HttpRequest) -> HttpResponse:
    """Let the version before hold again."""
    try:
        before = roll_back(organization=_organization(request), by=request.user)  # type: ignore[arg-type]
    except RulesRefused as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("%(name)s holds again.") % {"name": before or _("What the program does by itself")})
    return redirect("rules")


@require_POST
@require(Act.RULES)
def example_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete an example."""
    example: RuleExample = get_object_or_404(RuleExample.objects.all(), pk=pk)
    example.delete()
    messages.success(request, _("“%(name)s” is no example any more.") % {"name": example})
    return redirect("rules")


@require_safe
@require(Act.VIEW)
def rule_simulation(request: HttpRequest, pk: int) -> HttpResponse:
    """Show which of last month's deals would come out differently than by the rules that hold, 500 deals at a time."""
    rule_set: RuleSet = get_object_or_404(RuleSet.objects.all(), pk=pk)
    if not is_understood(rule_set):
        return redirect("rules")
    since = _day(request.GET.get("since", "")) or timezone.localdate() - LAST_MONTH
    organization = _organization(request)
    before = active_rules(organization.pk)
    found = simulate(
        organization=organization, before=before, after=in_force(rule_set), since=since,
        after_pk=_number(request.GET.get("after")),
    )  # fmt: skip
    active = RuleSet.objects.filter(status=RuleStatus.ACTIVE).first()
    context = {"rule_set": rule_set, "found": found, "since": since, "before": active or PROGRAM}
    return render(request, "crm/rule_simulation.html", context)


def _organization(request: HttpRequest) -> Organization:
    organization: Organization = request.organization  # type: ignore[attr-defined]
    return organization


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _day(text: str) -> Any:
    try:
        return parse_date(text)
    except ValueError:
        return None
