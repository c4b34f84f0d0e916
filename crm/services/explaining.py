"""The one timeline of a deal: its versions, the runs that read them, what was decided, and its invoices."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm.converters import convert
from crm.facts import from_snapshot
from crm.milestones import split
from crm.models import CensusDifference, Deal, DealVersion
from crm.tracing import Tracer
from integrations.base.registry import get_connector_class
from integrations.models import Quarantine, SyncRun, WebhookEvent
from invoices.irn import in_lagos
from invoices.models import Invoice
from invoices.outcomes import facts_of
from invoices.paper.screen import Event, history_of, newest_first
from invoices.rules import RulesInvalid, default_rules
from invoices.services.law import law_in_force, tax_rules_of
from invoices.tracing import NotTraceable, Traced

PROGRAM = "the program's own rules"
VERSIONS, NOTICES = 200, 200  # of one deal; the newest are told


def explain_deal(*, deal: Deal) -> list[Event]:
    """Return everything that is known to have happened to a deal, the newest first."""
    events = [*_versions(deal), *_merges(deal), *_quarantines(deal), *_censuses(deal), *_notices(deal)]
    if deal.source_updated_at:
        changed = _("Last changed in %(name)s") % {"name": deal.connection}
        events.append(Event(deal.source_updated_at, changed, by=_("its people")))
    if deal.is_archived:
        gone = _("Found archived or deleted in %(name)s") % {"name": deal.connection}
        events.append(Event(deal.stored_at, gone, by=_("a sync"), meaning="needs"))
    former = [alias.external_id for alias in deal.aliases.all()]
    for invoice in Invoice.objects.filter(
        source_kind="deal", connection=deal.connection, source_external_id__in=[deal.external_id, *former]
    ):
        invoice.connection = deal.connection
        events += reversed(history_of(invoice, list(invoice.submissions.order_by("pk"))))
    return newest_first(events)


def trace_deal(*, invoice: Invoice) -> list[Traced]:
    """Return where each value of a deal's invoice comes from; raises NotTraceable."""
    name = get_connector_class(invoice.connection.provider).info.name
    try:
        record = from_snapshot(invoice.snapshot)
        rules = invoice.rule_set.rules if invoice.rule_set else default_rules()
        law = law_in_force([invoice.source_currency or invoice.currency])
        tax = tax_rules_of(invoice) or law.tax
        whole = convert(record, connection_id=invoice.connection_id, provider=name, rules=rules, tax=tax)
        parts = split(whole, record, rules, today=None, provider=name).due
        part = next(part for part in parts if part.draft.source.part == invoice.source_part)
    except (RulesInvalid, KeyError, TypeError, ValueError, ArithmeticError, StopIteration) as problem:
        raise NotTraceable(_("What it was made from is kept, but this program reads it otherwise now.")) from problem
    by = str(invoice.rule_set) if invoice.rule_set else PROGRAM
    tracer = Tracer(record, part.draft, part.origins, name, by)
    if invoice.document is not None:
        return tracer.of_document(json.loads(invoice.document, parse_float=Decimal, parse_int=Decimal))
    seller = invoice.business.as_seller() if invoice.business else None
    return tracer.of_facts(facts_of([part.draft], seller, law, in_lagos(timezone.now()).date()))


def _versions(deal: Deal) -> list[Event]:
    versions = [*reversed(deal.versions.order_by("-pk")[:VERSIONS]), _newest(deal)]
    runs = _runs(deal, versions)
    events = []
    for before, version in zip([None, *versions], versions, strict=False):
        what = _("First read from %(name)s") if before is None else _("Read anew from %(name)s with other content")
        run = next((r for r in runs if r.started_at <= version.stored_at <= (r.finished_at or version.stored_at)), None)
        by = _("sync run %(number)d") % {"number": run.pk} if run else _("a read of this deal")
        detail = ", ".join(_differences(before, version)) if before else ""
        events.append(Event(version.stored_at, what % {"name": deal.connection}, by=by, detail=detail))
    return events


def _newest(deal: Deal) -> DealVersion:
    lines = [line.payload for line in deal.lines.all()]
    return DealVersion(deal=deal, stored_at=deal.stored_at, payload=deal.payload, lines=lines)


def _runs(deal: Deal, versions: list[DealVersion]) -> list[SyncRun]:
    if not versions:
        return []
    since, until = versions[0].stored_at, versions[-1].stored_at
    return list(deal.connection.runs.filter(started_at__lte=until).exclude(finished_at__lt=since))


def _differences(before: DealVersion, after: DealVersion) -> list[str]:
    """Return what changed between two versions, as "name: old → new"."""
    found = [_told(name, old, new) for name, old, new in _changed(before.payload, after.payload)]
    old_lines = {str(line.get("id")): line for line in before.lines}
    new_lines = {str(line.get("id")): line for line in after.lines}
    found += [_("line %(id)s added") % {"id": i} for i in new_lines.keys() - old_lines.keys()]
    found += [_("line %(id)s removed") % {"id": i} for i in old_lines.keys() - new_lines.keys()]
    for line_id in sorted(new_lines.keys() & old_lines.keys()):
        for name, old, new in _changed(old_lines[line_id], new_lines[line_id]):
            found.append(_told(_("line %(id)s, %(name)s") % {"id": line_id, "name": name}, old, new))
    return found or [_("its buyer or contact")]


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    old, new = before.get("properties") or {}, after.get("properties") or {}
    names = sorted(name for name in old.keys() | new.keys() if name != "hs_lastmodifieddate")
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _told(name: str, old: Any, new: Any) -> str:
    return f"{name}: {'–' if old in (None, '') else old} → {'–' if new in (None, '') else new}"


def _merges(deal: Deal) -> list[Event]:
    return [
        Event(alias.created_at, _("Deal %(id)s was merged into it") % {"id": alias.external_id}, by=_("its people"))
        for alias in deal.aliases.all()
    ]


def _quarantines(deal: Deal) -> list[Event]:
    events = []
    for held in Quarantine.objects.filter(connection=deal.connection, external_id=deal.external_id):
        events.append(Event(held.created_at, _("Set aside"), by=_("TaxPoynt"), detail=held.reason, meaning="needs"))
        if held.resolved_at:
            events.append(Event(held.resolved_at, _("Readable again"), by=_("TaxPoynt"), meaning="done"))
    return events


def _notices(deal: Deal) -> list[Event]:
    ids = [deal.external_id, *(alias.external_id for alias in deal.aliases.all())]
    heard = WebhookEvent.objects.filter(connection=deal.connection, object_id__in=ids).order_by("-pk")[:NOTICES]
    return [
        Event(
            each.received_at,
            _("Webhook: %(type)s") % {"type": each.event_type},
            by=str(deal.connection),
            detail=each.reason or str(each.get_status_display()),
        )
        for each in heard
    ]


def _censuses(deal: Deal) -> list[Event]:
    differences = CensusDifference.objects.filter(census__connection=deal.connection, external_id=deal.external_id)
    return [
        Event(
            each.census.taken_at, _("Differed in a census"), by=_("the nightly census"), detail=each.get_cause_display()
        )
        for each in differences.select_related("census")
    ]
