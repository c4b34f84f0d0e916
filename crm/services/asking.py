"""What deals ask to be invoiced, for the reconciliation: by the same rules and sums as the invoices themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from crm.models import Deal, DealAlias
from crm.services.converting import CONVERSION, Desk
from crm.services.reading import STREAM
from integrations.models import Connection, Quarantine
from invoices.drafts import Seller
from invoices.law import Law
from invoices.models import Business, Invoice
from invoices.reconciling import Source
from invoices.services.asked import asked_amount
from invoices.services.law import law_in_force
from invoices.services.ruling import active_rules

CHUNK = 500
BROKEN = "An error of ours stops its conversion. Tell support."


def deals_between(*, connection: Connection, since: date, until: date) -> Iterator[list[Source]]:
    """Yield, by chunks, the deals that closed in a window of days, or name no day, and ask for an invoice or have one.

    Then what could never be read, whatever its day, and what was invoiced for deals that are not here any more.
    """
    business = Business.objects.filter(organization=connection.organization_id).first()
    seller, law = business.as_seller() if business else None, law_in_force(currencies=None)
    invoiced = Invoice.objects.filter(
        connection=connection, source_kind="deal", source_external_id=OuterRef("external_id")
    )
    merged = DealAlias.objects.filter(connection=connection, external_id=OuterRef("external_id"))
    wanted = Q(close_date=None) | Q(close_date__gte=since, close_date__lte=until)
    aside = _set_aside(connection).filter(external_id=OuterRef("external_id"))
    asking = Deal.objects.asking(active_rules(connection.organization_id).rules.due).filter(connection=connection)
    concerned = Q(pk__in=asking.order_by().values("pk")) | Exists(invoiced) | Exists(aside)
    whole = Deal.objects.filter(wanted | Exists(aside), concerned, connection=connection)
    whole = whole.exclude(Exists(merged)).select_related("company__buyer_facts", "contact", "connection")
    whole = whole.prefetch_related("lines", "aliases").order_by("pk")
    after = 0
    while deals := list(whole.filter(pk__gt=after)[:CHUNK]):
        yield _sources(connection, deals, seller, law)
        after = deals[-1].pk
    yield from _never_read(connection)
    yield from _without_deals(connection, since, until)


def _never_read(connection: Connection) -> Iterator[list[Source]]:
    stored = Deal.objects.filter(connection=connection, external_id=OuterRef("external_id"))
    rows = _set_aside(connection).filter(~Exists(stored)).order_by("external_id").distinct("external_id")
    sources = [
        Source(connection.pk, "deal", external_id, external_id, "", None, problem=reason)
        for external_id, reason in rows.values_list("external_id", "reason")
    ]
    yield from (sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK))


def _without_deals(connection: Connection, since: date, until: date) -> Iterator[list[Source]]:
    stored = Deal.objects.filter(connection=connection, external_id=OuterRef("source_external_id"))
    merged = DealAlias.objects.filter(connection=connection, external_id=OuterRef("source_external_id"))
    aside = _set_aside(connection).filter(external_id=OuterRef("source_external_id"))
    orphans = Invoice.objects.filter(connection=connection, source_kind="deal", original=None).order_by()
    orphans = orphans.filter(~Exists(stored), ~Exists(merged), ~Exists(aside))
    orphans = orphans.filter(Q(issue_date=None) | Q(issue_date__gte=since, issue_date__lte=until))
    rows = orphans.values_list("source_external_id").annotate(Max("currency"), Max("source_label"), Max("issue_date"))
    sources = [
        Source(connection.pk, "deal", external_id, label or external_id, currency, Decimal(0), day)
        for external_id, currency, label, day in rows.order_by("source_external_id")
    ]
    yield from (sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK))


def _set_aside(connection: Connection) -> QuerySet[Quarantine]:
    """Return the open reasons why deals could not be read or converted."""
    return Quarantine.objects.filter(connection=connection, stream__in=[STREAM, CONVERSION], resolved_at=None)


def _sources(connection: Connection, deals: list[Deal], seller: Seller | None, law: Law) -> list[Source]:
    desk = Desk(connection, deals)
    ids = [deal.external_id for deal in deals]
    aside = dict(_set_aside(connection).filter(external_id__in=ids).values_list("external_id", "reason"))
    numbered = Invoice.objects.filter(
        connection=connection, source_kind="deal", source_external_id__in=ids, number__isnull=False, type_code="381"
    ).select_related("tax_rules")
    invoices = {
        (each.source_external_id, each.source_part): each for each in numbered.defer("document", "draft", "snapshot")
    }
    found = []
    for deal in deals:
        parts = desk.convert(deal)
        drafts = [each.draft for each in parts.due] if parts is not None else []
        asked: list[tuple[str, Decimal | None]] = [
            asked_amount(draft, seller, law, invoices.get((deal.external_id, draft.source.part))) for draft in drafts
        ]
        currency = asked[0][0] if asked else _currency(deal, invoices)
        amounts = [amount for _, amount in asked if amount is not None]
        is_whole = parts is not None and len(amounts) == len(asked)
        total = sum(amounts, Decimal(0)) if is_whole else None
        problem = aside.get(deal.external_id, "") or ("" if parts is not None else BROKEN)
        former = tuple(alias.external_id for alias in deal.aliases.all())
        found.append(
            Source(
                connection.pk, "deal", deal.external_id, str(deal), currency, total, deal.close_date, former, problem
            )
        )
    return found


def _currency(deal: Deal, invoices: dict[tuple[str, str], Invoice]) -> str:
    mine = (invoice.currency for (external_id, _), invoice in invoices.items() if external_id == deal.external_id)
    return next(mine, deal.currency)
