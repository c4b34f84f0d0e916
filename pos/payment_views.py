"""Payments of terminals: their list, one of them, and what a person decides about it."""

from __future__ import annotations

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import read_page
from accounts.permissions import Act, require
from invoices.tasks import ring_exchanges
from pos.models import PaymentState, TerminalPayment
from pos.payment_forms import MatchForm, PaymentFilter, ReasonForm
from pos.services.matching import MatchRefused, let_go, match_by_hand, set_aside, suggestions, take_up

DECISIONS = ("match", "let-go", "set-aside", "take-up")


@require_safe
@require(Act.VIEW)
def payments(request: HttpRequest) -> HttpResponse:
    """List payments, each beside the invoice that it pays or the reason why it pays none."""
    filters = PaymentFilter(request.GET)
    found = filters.apply(TerminalPayment.objects.all()).select_related("invoice", "connection")
    page = read_page(found, request.GET.get("page", ""))
    context = {"filters": filters, "page": page, "has_payments": TerminalPayment.objects.exists()}
    return render(request, "pos/payments.html", context)


@require_safe
@require(Act.VIEW)
def payment(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one payment, the invoices that it might pay, and what was decided about it."""
    return _show(request, _payment(pk), MatchForm(), ReasonForm())


@require_POST
@require(Act.SUBMIT)
def payment_decide(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    """Match a payment by hand, let it go, set it aside or keep it, or let rules look at it again."""
    found = _payment(pk)
    if decision not in DECISIONS:
        raise Http404(_("There is no such decision."))
    match_form = MatchForm(request.POST) if decision == "match" else MatchForm()
    reason_form = ReasonForm(request.POST) if decision in ("let-go", "set-aside") else ReasonForm()
    used = match_form if decision == "match" else reason_form
    if used.is_bound and not used.is_valid():
        return _show(request, found, match_form, reason_form)
    try:
        _decide(found, decision, used, request)
    except MatchRefused as refusal:
        if not used.is_bound:
            messages.error(request, str(refusal))
            return redirect("payment", pk=pk)
        used.add_error(None, str(refusal))
        return _show(request, found, match_form, reason_form)
    ring_exchanges()
    messages.success(request, _("Kept. It stands in the payment's history, with your name."))
    return redirect("payment", pk=pk)


def _decide(payment: TerminalPayment, decision: str, form: Form, request: HttpRequest) -> None:
    given = form.cleaned_data if form.is_bound else {}
    by = request.user
    match decision:
        case "match":
            match_by_hand(payment_id=payment.pk, number=given["number"], reason=given["reason"], by=by)  # type: ignore[arg-type]
        case "let-go":
            let_go(payment_id=payment.pk, reason=given["reason"], by=by)  # type: ignore[arg-type]
        case "set-aside":
            set_aside(payment_id=payment.pk, reason=given["reason"], by=by)  # type: ignore[arg-type]
        case "take-up":
            take_up(payment_id=payment.pk, by=by)  # type: ignore[arg-type]


def _payment(pk: int) -> TerminalPayment:
    found: TerminalPayment = get_object_or_404(
        TerminalPayment.objects.select_related("invoice", "connection", "decided_by"), pk=pk
    )
    return found


def _show(request: HttpRequest, found: TerminalPayment, match_form: MatchForm, reason_form: ReasonForm) -> HttpResponse:
    can_be_matched = found.state == PaymentState.SUCCEEDED and found.invoice is None
    context = {
        "payment": found,
        "can_be_matched": can_be_matched,
        "can_be_set_aside": bool(found.problem) or (can_be_matched and not found.is_decided),
        "suggestions": suggestions(found) if can_be_matched else [],
        "match_form": match_form,
        "reason_form": reason_form,
    }
    wrong = match_form.errors or reason_form.errors
    return render(request, "pos/payment.html", context, status=422 if wrong else 200)
