"""Turns drafts into invoices: numbered, dated, frozen, once for each source and never twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django_scopes import scope, scopes_disabled

from accounts.models import Organization, User
from integrations.models import Connection
from invoices.approval import ApprovalPolicy
from invoices.document import DocumentInvalid
from invoices.drafts import InvoiceDraft, Missing, Seller, missing_facts, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.listed import unlisted, with_listed_names
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import Prepared, prepare
from invoices.freezing import Frozen, freeze
from invoices.irn import LAGOS, IrnInvalid, in_lagos, number_text
from invoices.law import Law, Pinned
from invoices.models import REMAKEABLE, Business, Invoice, InvoiceLine, NumberSeries, SellerVersion, Status, VoidedFor
from invoices.qr import KeyFileInvalid, suffix
from invoices.services.codelists import lists_in_force
from invoices.services.columns import (
    CHANGEABLE,
    SOURCE,
    STANDING,
    line_rows,
    put_deadline,
    put_facts,
    put_frozen,
    put_waiting,
)
from invoices.services.law import law_in_force, pinned_rate, remember, tax_rules_of
from invoices.services.proposing import HANDED_IN, compare
from invoices.services.rebuilding import remember_seller
from invoices.taxes import TaxRules, Totals

logger = structlog.get_logger(__name__)

SourceKey = tuple[int, str, str, str]
CHUNK = 100
LACKS = "Its source has changed since it took its number, and now lacks:"


class ForeignConnection(ValueError):
    """A draft names a connection of another organization: nothing of the chunk was written."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What became of one draft; the list has the order of the drafts. `missing` is empty for an invoice."""

    invoice_id: int
    status: str
    missing: tuple[Missing, ...]


@dataclass(slots=True)
class _Work:
    """One draft on its way through a chunk. `draft` has the seller's defaults, `stored` is as the source gave it."""

    invoice: Invoice
    draft: InvoiceDraft
    stored: dict[str, object]
    missing: tuple[Missing, ...]
    rate: Pinned | None = None
    totals: Totals | None = None


def issue_drafts(
    *, organization: Organization, drafts: Sequence[InvoiceDraft], made_by: User | None = None
) -> list[Issued]:
    """Make or update the invoices of a chunk of drafts in one transaction.

    A complete draft becomes READY with the next number, its IRN, QR payload and frozen document. One that lacks
    a fact is kept as a DRAFT that names it. One that has a number and that the authority certainly does not have is
    frozen anew under the same number when its document has changed; when its source now lacks a fact, it waits for a
    person instead of going out. What is being handed in or registered is left alone. Of two drafts of one source the
    later counts. `made_by` is who asked for it, None for the work itself. Raises ForeignConnection.
    """
    if not drafts:
        return []
    with scope(organization=organization), transaction.atomic():
        lock_issuing(organization)
        _check_connections(drafts)
        business = Business.objects.filter(organization=organization).first()
        desk = _Desk(business, timezone.now(), {draft.currency for draft in drafts})
        latest = {draft.source.key: draft for draft in drafts}
        existing = _existing(latest.values())
        desk.already = _invoiced_before(latest.values(), existing)
        invoices = {}
        for key, draft in latest.items():
            invoices[key] = existing.get(key) or _new_invoice(organization, draft, made_by)
            desk.take(invoices[key], draft)
        desk.write()
    return [_issued(invoices[draft.source.key]) for draft in drafts]


def lock_issuing(organization: Organization) -> None:
    """Let no other transaction issue for this organization until this one ends.

    Two workers with the same deals queue up here, and the second finds them done.
    """
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def reissue_held(*, organization: Organization) -> list[Issued]:
    """Try every draft and rejected invoice again, for example after the profile was completed.

    The facts are those that are stored when its turn comes: a draft that was taken back meanwhile stays away. What was
    read too long ago is left to its source, which reads it again first; it is not in the answer.
    """
    with scope(organization=organization):
        left = _left_to_their_sources()
        ids = [pk for pk in Invoice.objects.correctable().order_by("pk").values_list("pk", flat=True) if pk not in left]
    issued: list[Issued] = []
    for start in range(0, len(ids), CHUNK):
        with scope(organization=organization), transaction.atomic():
            lock_issuing(organization)
            held = Invoice.objects.correctable().filter(pk__in=ids[start : start + CHUNK]).order_by("pk")
            rows = list(held.select_for_update().values_list("draft", "snapshot"))
            drafts = [InvoiceDraft.from_json(draft, snapshot) for draft, snapshot in rows]
            issued += issue_drafts(organization=organization, drafts=drafts)
    return issued


def wake_sources() -> None:
    """Let the sources of held invoices that make theirs again do so, for example by new rules; in an open scope."""
    _left_to_their_sources()


def with_held_invoices() -> list[Organization]:
    """Return the organizations that have drafts which lack something."""
    with scopes_disabled():
        held = Invoice.objects.open_drafts().exclude(missing=[])
        return list(Organization.objects.filter(pk__in=held.order_by().values("organization_id")))


def _left_to_their_sources() -> set[int]:
    rows = Invoice.objects.correctable().values_list("pk", "source_kind", "connection_id", "source_external_id")
    by_kind: dict[str, dict[int, tuple[int, str]]] = {}
    for pk, kind, connection_id, external_id in rows:
        by_kind.setdefault(kind, {})[pk] = (connection_id, external_id)
    left: set[int] = set()
    for kind, path in settings.HELD_SOURCES.items():
        held = by_kind.get(kind, {})
        taken = import_string(path)(keys=set(held.values())) if held else set()
        left.update(pk for pk, key in held.items() if key in taken)
    return left


class _Desk:
    """Works through one chunk for one seller: holds or freezes each draft, then writes all at once."""

    def __init__(self, business: Business | None, now: datetime, currencies: Collection[str]) -> None:
        self.business = business
        self.now = now
        self.seller: Seller | None = business.as_seller() if business else None
        self.policy = business.approval_policy if business else ApprovalPolicy()
        self.law = law_in_force(currencies)
        self.lists = lists_in_force()
        self._seller_kept: SellerVersion | None = None
        self._series: dict[str, NumberSeries] = {}
        self._works: list[_Work] = []
        self.already: dict[SourceKey, Invoice] = {}  # numbered invoices of what a source was before it was merged

    def take(self, invoice: Invoice, draft: InvoiceDraft) -> None:
        """Hold or freeze one draft; nothing is written yet."""
        draft = with_listed_names(draft, self.lists)
        if not _may_be_made(invoice):
            self._compare(invoice, draft)
            return
        prepared = self._prepared(invoice, draft, self._tax(invoice))
        gone = unlisted(prepared.draft, self.lists)
        missing = (*self._merged(draft), *missing_facts(draft, self.seller), *gone, *prepared.missing)
        work = _Work(invoice, prepared.draft, draft.to_json(), missing, prepared.rate)
        frozen = None if work.missing else self._freeze(work)
        if frozen is not None:
            self._accept(work, frozen)
        elif invoice.status == Status.DRAFT:
            self._hold(work)
        elif invoice.status != Status.REJECTED:
            self._stop(work)

    def _compare(self, invoice: Invoice, draft: InvoiceDraft) -> None:
        if invoice.status not in HANDED_IN or draft.billing_reference is not None or invoice.issue_date is None:
            return
        tax = tax_rules_of(invoice) or self.law.tax
        prepared = self._prepared(invoice, draft, tax)
        totals = None if prepared.missing else totals_of(prepared.draft, self._day(invoice, draft), tax)
        compare(invoice, prepared.draft, totals)

    def _prepared(self, invoice: Invoice, draft: InvoiceDraft, tax: TaxRules) -> Prepared:
        """Return the draft in the document's terms at these rates; a number's exchange rate stays what it was."""
        complete = with_defaults(draft, self.seller)
        pinned = pinned_rate(invoice) if invoice.number else None
        return prepare(complete, replace(self.law, tax=tax), self._day(invoice, draft), pinned)

    def _tax(self, invoice: Invoice) -> TaxRules:
        """Return the rates for an invoice; a note goes by those of what it corrects."""
        return (tax_rules_of(invoice.original) if invoice.original else None) or self.law.tax

    def _day(self, invoice: Invoice, draft: InvoiceDraft) -> date:
        return tax_point(draft.supply_date, invoice.issue_date or in_lagos(self.now).date())

    def _merged(self, draft: InvoiceDraft) -> tuple[Missing, ...]:
        earlier = self.already.get(draft.source.key)
        return () if earlier is None else (_merged(draft, earlier),)

    def write(self) -> None:
        """Write the chunk: invoices, lines and the series, three statements and a few."""
        if not self._works:
            return
        for series in self._series.values():
            series.save(update_fields=["last_number"])
        invoices = [work.invoice for work in self._works]
        # The conflict arm updates only rows that this transaction has locked and looked at.
        Invoice.objects.bulk_create(invoices, update_conflicts=True, unique_fields=SOURCE, update_fields=CHANGEABLE)
        InvoiceLine.objects.filter(invoice__in=invoices).delete()
        rows = (row for work in self._works for row in line_rows(work.invoice, work.draft, work.totals))
        InvoiceLine.objects.bulk_create(rows)

    def _freeze(self, work: _Work) -> Frozen | None:
        assert self.seller is not None  # noqa: S101 - without one the seller itself is missing
        invoice = work.invoice
        number = invoice.number or self._next_number(work.draft.type_code)
        issued_at = in_lagos(self.now)
        if invoice.issue_date and invoice.issue_time:
            # The number of a rejected invoice stays, and with it the date that the number ends in.
            issued_at = datetime.combine(invoice.issue_date, invoice.issue_time, tzinfo=LAGOS)
        stamp, tax = suffix(settings.MBS_QR_SUFFIX, self.now), self._tax(invoice)
        try:
            frozen = freeze(work.draft, self.seller, number=number, issued_at=issued_at, stamp=stamp, tax=tax)
        except (DocumentInvalid, IrnInvalid, KeyFileInvalid) as problem:
            logger.error("document_refused_by_own_check", source=work.draft.source.key, reason=str(problem))
            work.missing = (_refused(problem),)
            return None
        if frozen is None:
            # In the terms of the document it may be more than can be invoiced; else its categories have no rate.
            found = missing_facts(work.draft, self.seller)
            work.missing = found or (_no_rate(work.draft, self.law, self._day(invoice, work.draft)),)
        return frozen

    def _accept(self, work: _Work, frozen: Frozen) -> None:
        invoice = work.invoice
        if invoice.document_sha256 == frozen.sha256 and not self._is_wanted_again(invoice):
            return  # nothing about it has changed
        if invoice.number is None:
            self._series[self._prefix(invoice.type_code)].last_number += 1
        work.totals = frozen.totals
        put_facts(work.invoice, work.draft, stored=work.stored, missing=(), totals=frozen.totals, rate=work.rate)
        tax = self._tax(invoice)
        remember(tax)
        invoice.tax_rules_id = tax.version
        invoice.seller_version = self._remembered_seller()
        why = self.policy.reason(kind=invoice.kind, type_code=invoice.type_code, payable=frozen.totals.payable_amount)
        put_frozen(work.invoice, frozen, self.now, approval_reason=why)
        self._keep(work)

    def _remembered_seller(self) -> SellerVersion:
        if self._seller_kept is None:
            assert self.business is not None  # noqa: S101 - something was frozen with it
            self._seller_kept = remember_seller(self.business, self.business.as_seller())
        return self._seller_kept

    def _hold(self, work: _Work) -> None:
        invoice = work.invoice
        before = (invoice.draft, invoice.missing, invoice.business_id)
        work.totals = totals_of(work.draft, self._day(invoice, work.draft), self._tax(invoice))
        put_facts(invoice, work.draft, stored=work.stored, missing=work.missing, totals=work.totals, rate=work.rate)
        if before != (invoice.draft, invoice.missing, self.business.pk if self.business else None):
            self._keep(work)

    def _is_wanted_again(self, invoice: Invoice) -> bool:
        return invoice.status == Status.VOIDED or invoice.approval_reason.startswith(LACKS)

    def _stop(self, work: _Work) -> None:
        """Keep a numbered invoice from going out whose source has changed and lacks a fact now."""
        invoice = work.invoice
        why = f"{LACKS} {', '.join(fact.label for fact in work.missing)}. Complete it there, or look and decide."
        if invoice.approval_reason == why:
            return
        if invoice.status == Status.CONFIG_ERROR:
            invoice.needs_approval, invoice.approval_reason, invoice.approved_by = True, why, None
            invoice.approved_at = None
        else:
            put_waiting(invoice, why)
            invoice.next_attempt_at = self.now
        self._keep_status(invoice)

    def _keep_status(self, invoice: Invoice) -> None:
        invoice.save(update_fields=STANDING)

    def _keep(self, work: _Work) -> None:
        work.invoice.business = self.business
        put_deadline(work.invoice, self.law, self.business.target_hours if self.business else 0, self.now)
        work.invoice.updated_at = self.now
        self._works.append(work)

    def _next_number(self, type_code: str) -> str:
        """Return the number that comes next; it is taken when a document made with it passes its check."""
        prefix = self._prefix(type_code)
        if prefix not in self._series:
            NumberSeries.objects.get_or_create(business=self.business, prefix=prefix)
            self._series[prefix] = NumberSeries.objects.select_for_update().get(business=self.business, prefix=prefix)
        return number_text(prefix, self._series[prefix].last_number + 1)

    def _prefix(self, type_code: str) -> str:
        assert self.business is not None  # noqa: S101 - a seller exists
        return self.business.prefix_of(type_code)


def _may_be_made(invoice: Invoice) -> bool:
    """Tell whether the document may be made or made anew: the authority certainly does not have it."""
    if invoice.status == Status.VOIDED:
        return invoice.voided_for == VoidedFor.SOURCE
    return invoice.status == Status.DRAFT or invoice.status in REMAKEABLE


def _check_connections(drafts: Sequence[InvoiceDraft]) -> None:
    named = {draft.source.connection_id for draft in drafts}
    foreign = named - set(Connection.objects.filter(pk__in=named).values_list("pk", flat=True))
    if foreign:
        raise ForeignConnection(
            f"Connections {sorted(foreign)} do not belong to this organization, so nothing was issued."
        )


def _existing(drafts: Iterable[InvoiceDraft]) -> dict[SourceKey, Invoice]:
    wanted: dict[tuple[int, str], list[str]] = {}
    for draft in drafts:
        ids = wanted.setdefault((draft.source.connection_id, draft.source.kind), [])
        ids += (draft.source.external_id, *draft.source.former_ids)
    condition = Q()
    for (connection_id, kind), external_ids in wanted.items():
        condition |= Q(connection_id=connection_id, source_kind=kind, source_external_id__in=external_ids)
    rows = Invoice.objects.select_for_update().filter(condition).order_by("pk")
    return {(row.connection_id, row.source_kind, row.source_external_id, row.source_part): row for row in rows}


def _invoiced_before(drafts: Iterable[InvoiceDraft], existing: dict[SourceKey, Invoice]) -> dict[SourceKey, Invoice]:
    """Return the numbered invoice of each source that had one under a former id."""
    found: dict[SourceKey, Invoice] = {}
    for draft in drafts:
        source = draft.source
        for former_id in source.former_ids:
            earlier = existing.get((source.connection_id, source.kind, former_id, source.part))
            if earlier is not None and earlier.number is not None and earlier.voided_for != VoidedFor.SOURCE:
                found[source.key] = earlier
    return found


def _new_invoice(organization: Organization, draft: InvoiceDraft, made_by: User | None) -> Invoice:
    reference = draft.billing_reference
    return Invoice(
        organization=organization,
        type_code=draft.type_code,
        original=Invoice.objects.get(irn=reference.irn) if reference else None,
        made_by=made_by,
        connection_id=draft.source.connection_id,
        source_kind=draft.source.kind,
        source_external_id=draft.source.external_id,
        source_part=draft.source.part,
    )


def _issued(invoice: Invoice) -> Issued:
    return Issued(invoice.pk, invoice.status, tuple(Missing(**each) for each in invoice.missing))


def _merged(draft: InvoiceDraft, earlier: Invoice) -> Missing:
    source = draft.source
    return Missing(
        "source.merged",
        f"Not to be invoiced twice: the {source.kind} was merged with {earlier.source_external_id}",
        f"That one is invoice {earlier.number} already. If the merged {source.kind} sells more than it did, put the "
        f"rest on a {source.kind} of its own.",
    )


def _no_rate(draft: InvoiceDraft, law: Law, day: date) -> Missing:
    unknown = sorted({line.tax_category for line in draft.lines if law.tax.rate_on(line.tax_category, day) is None})
    return Missing(
        "supply_date",
        "A day of supply that the tax rates know",
        f"No rate of {', '.join(unknown) or 'tax'} is kept for {day:%d %b %Y}. Correct the date or the tax category of "
        f"the {draft.source.kind}, or let staff enter the rate in the admin under Tax rates.",
    )


def _refused(problem: DocumentInvalid | IrnInvalid | KeyFileInvalid) -> Missing:
    if isinstance(problem, KeyFileInvalid):
        return Missing("seller.key_file", "The seller's key file", str(problem))
    return Missing(
        "document",
        f"A document that keeps the authority's rules ({str(problem)[:300]})",
        "This is not a fact of yours: tell support, with the name of the deal or sale.",
    )
