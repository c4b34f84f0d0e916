"""Invoices: the list, one invoice with its paper and its document, and the act of submitting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db import connection as database
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import COUNTED, read_page
from accounts.permissions import Act, require
from invoices.drafts import InvoiceDraft
from invoices.drafts.preparing import quoted_total
from invoices.forms import SORTS, InvoiceFilter
from invoices.models import REGISTERED, REMAKEABLE, WAITING, Invoice, PaperSent, ProposalState, Status
from invoices.paper.screen import document_lines, history_of, paper_of
from invoices.reasons import LABELS
from invoices.services.approving import NotToApprove, approve
from invoices.services.breaking import opened
from invoices.services.papering import qr_of
from invoices.services.withdrawing import NotToVoid, void_invoice
from invoices.tasks import ring_submissions

HEAVY = ("document", "draft", "snapshot", "qr_payload", "server_qr", "csid")


@require_safe
@require(Act.VIEW)
def invoices(request: HttpRequest) -> HttpResponse:
    """List the organization's invoices with the totals of what the filter lets through."""
    filters = InvoiceFilter(request.GET)
    found = filters.apply(Invoice.objects.all())
    sort = filters.sort(request.GET.get("sort", ""))
    totals = _totals(found)
    counted = sum(row["count"] for row in totals)
    page = read_page(sort.apply(found.defer(*HEAVY), SORTS), request.GET.get("page", ""), counted=counted)
    reason = filters.cleaned_data.get("reason", "")
    context = {
        "filters": filters,
        "page": page,
        "sort": sort,
        "totals": totals,
        "counts": Invoice.objects.short_counts_by_status(),
        "chosen_status": filters.cleaned_data.get("status", ""),
        "reason": _reason_words(reason, page.object_list) if reason else "",
        "connection_id": filters.cleaned_data.get("connection"),
    }
    return render(request, "invoices/invoices.html", context)


def _totals(found: QuerySet[Invoice]) -> list[dict[str, Any]]:
    """Return {currency, count, tax, payable} for each currency, the largest count first.

    No more than COUNTED and one rows are looked at: a longer list is not added up.
    """
    if found.query.is_empty():
        return []
    first = found.order_by().values("currency", "tax_amount", "payable_amount")[: COUNTED + 1]
    inner, parameters = first.query.sql_with_params()
    sql = f"""
        SELECT currency, count(*), sum(tax_amount), sum(payable_amount)
        FROM ({inner}) AS found GROUP BY currency ORDER BY 2 DESC, 1
    """  # noqa: S608 - the inner statement comes from the ORM, its values are parameters
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [dict(zip(("currency", "count", "tax", "payable"), row, strict=True)) for row in cursor.fetchall()]


def _reason_words(key: str, rows: Any) -> str:
    """Return the reason's words: a draft of the list itself knows what its field is called."""
    if key in LABELS:
        return LABELS[key]
    labels = (fact["label"] for row in rows for fact in row.missing if fact["field"] == key)
    return next(labels, key).partition(" (")[0]


@require_safe
@require(Act.VIEW)
def invoice(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one invoice: its paper beside its document, what it lacks, and what happened to it."""
    found: Invoice = get_object_or_404(Invoice.objects.select_related("business", "connection", "original"), pk=pk)
    lines = list(found.lines.all())
    context = {
        "invoice": found,
        "paper": paper_of(found, lines),
        "document_lines": document_lines(found.body) if found.document else [],
        "history": history_of(found, list(found.submissions.order_by("pk"))),
        "is_waiting_for_approval": found.status == Status.READY and found.needs_approval,
        "is_creditable": found.status in REGISTERED and found.original_id is None,
        "proposal": found.proposals.filter(state=ProposalState.OPEN).first(),
        "notes": list(found.notes.order_by("pk").defer(*HEAVY)),
        "is_registered": found.status in REGISTERED,
        "letter": PaperSent.objects.filter(invoice=found).first(),
        "exchanges": list(found.exchanges.order_by("pk")),
        "is_voidable": found.status in REMAKEABLE,
        "authority_away": opened() if found.status in (*WAITING, Status.SUBMITTING) else None,
        "kobo_off": _kobo_off(found),
        "is_paused": found.business is not None and found.business.is_paused,
    }
    return render(request, "invoices/invoice.html", context)


def _kobo_off(found: Invoice) -> Decimal | None:
    """Return by how much an invoice of prices with tax comes to less than was quoted, None for nothing."""
    if not found.draft.get("prices_include_tax") or found.payable_amount is None:
        return None
    draft = InvoiceDraft.from_json(found.draft, {})
    quoted = quoted_total(draft) if draft.currency == found.currency else None
    return (quoted - found.payable_amount or None) if quoted is not None else None


@require_POST
@require(Act.SUBMIT)
def invoice_submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a worker to submit a READY invoice; a second click finds it claimed or signed and changes nothing."""
    found: Invoice = get_object_or_404(Invoice.objects.select_related("business"), pk=pk)
    if found.status not in (Status.READY, Status.APPROVED):
        messages.info(
            request,
            _("Nothing was done: %(name)s stands at “%(status)s”.")
            % {"name": found, "status": found.get_status_display()},
        )
    elif found.status == Status.READY and found.needs_approval:
        messages.error(request, _("Nothing was done: %(name)s waits for a second person.") % {"name": found})
    elif found.business is not None and found.business.is_paused:
        messages.error(
            request,
            _("Submissions are paused: %(why)s Operations resume them in the admin.")
            % {"why": found.business.submissions_paused_reason},
        )
    else:
        ring_submissions()
        messages.success(
            request,
            _(
                "%(name)s is handed to the queue. It is submitted within seconds, or when the queue is back should it "
                "be away."
            )
            % {"name": found},
        )
    return redirect("invoice", pk=pk)


@require_POST
@require(Act.APPROVE)
def invoice_approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a second person's yes; a second click finds it given and changes nothing."""
    found: Invoice = get_object_or_404(Invoice, pk=pk)
    try:
        approve(organization=found.organization, invoice_ids=[pk], by=request.user)  # type: ignore[arg-type]
    except NotToApprove as problem:
        messages.error(request, str(problem))
    else:
        ring_submissions()
        messages.success(request, _("%(name)s is approved and goes out by itself.") % {"name": found})
    return redirect("invoice", pk=pk)


@require_POST
@require(Act.APPROVE)
def invoice_void(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a numbered invoice up that the authority does not have, with a reason."""
    found: Invoice = get_object_or_404(Invoice, pk=pk)
    try:
        void_invoice(invoice=found, why=request.POST.get("why", "")[:500], by=request.user)  # type: ignore[arg-type]
    except NotToVoid as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("%(name)s is voided. Its number is not used again.") % {"name": found})
    return redirect("invoice", pk=pk)


@require_safe
@require(Act.VIEW)
def invoice_qr(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the QR code as a picture; 404 for a draft, which has none."""
    found: Invoice = get_object_or_404(Invoice.objects.only("qr_payload"), pk=pk)
    if not found.qr_payload:
        raise Http404(_("A held invoice has no QR code yet."))
    response = HttpResponse(qr_of(found), content_type="image/svg+xml")
    response["Cache-Control"] = "private, max-age=3600"
    return response


@require_safe
@require(Act.VIEW)
def invoice_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the exact bytes that were frozen and handed in; 404 for a draft, which has none."""
    found: Invoice = get_object_or_404(Invoice.objects.only("document", "number"), pk=pk)
    if found.document is None:
        raise Http404(_("A held invoice has no document yet."))
    response = HttpResponse(found.body, content_type="application/json")
    response["Content-Disposition"] = f'inline; filename="{found.number}.json"'
    return response
