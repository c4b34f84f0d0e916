"""What people ask of the authority about a signed invoice, and the authority's own webhook, which is only a hint."""

from __future__ import annotations

import re
from hmac import compare_digest

import orjson
import structlog
from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.permissions import Act, require
from invoices.models import Exchange, Invoice, Purpose
from invoices.services.exchange_requests import NotPossible, dismiss, release, request_exchange
from invoices.services.notices import receive_notice
from invoices.tasks import ring_exchanges

logger = structlog.get_logger(__name__)

LIMIT = 4096  # bytes; a notice has two short fields
IRN = re.compile(r"[A-Za-z0-9]{1,32}-[A-Za-z0-9]{8}-\d{8}")
MESSAGE = re.compile(r"[A-Z_]{1,40}")


@require_POST
@require(Act.SUBMIT)
def invoice_exchange(request: HttpRequest, pk: int, purpose: str) -> HttpResponse:
    """Ask for one purpose of one invoice, or decide about what is held: `do` is release, dismiss, or nothing."""
    if purpose not in Purpose.values:
        raise Http404
    invoice: Invoice = get_object_or_404(Invoice.objects.defer("snapshot", "draft"), pk=pk)
    try:
        words = _act(request, invoice, Purpose(purpose))
    except NotPossible as problem:
        messages.error(request, str(problem))
    else:
        ring_exchanges()
        messages.success(request, words)
    return redirect("invoice", pk=pk)


def _act(request: HttpRequest, invoice: Invoice, purpose: Purpose) -> str:
    wish = request.POST.get("do", "")
    if wish in ("release", "dismiss"):
        held: Exchange = get_object_or_404(Exchange, invoice=invoice, purpose=purpose)
        (release if wish == "release" else dismiss)(exchange=held, user=request.user)
        return _("Your decision is written down.")
    wanted = request.POST.get("wanted", "")
    request_exchange(invoice=invoice, purpose=purpose, wanted=wanted, user=request.user)
    return _("It is handed to the queue. What comes of it is shown on this page.")


@csrf_exempt
@require_POST
def receive(request: HttpRequest, key: str) -> HttpResponse:
    """Answer 200 once the notice is stored. 404 for a wrong key, 400 for what is no notice, 503 without a database.

    The authority signs nothing, so the address itself is the secret and what is said is only ever a reason to ask.
    """
    if not settings.MBS_WEBHOOK_KEY or not compare_digest(key.encode(), settings.MBS_WEBHOOK_KEY.encode()):
        raise Http404
    body = request.read(LIMIT + 1)
    try:
        content = orjson.loads(body) if len(body) <= LIMIT else None
    except orjson.JSONDecodeError:
        content = None
    irn, message = _notice_in(content)
    if not irn:
        return JsonResponse({"detail": "This is no notice about an invoice."}, status=400)
    try:
        is_due = receive_notice(irn=irn, message=message)
    except DatabaseError:
        logger.exception("authority_notice_not_stored")
        return JsonResponse({"detail": "The notice could not be stored. Send it again later."}, status=503)
    if is_due:
        ring_exchanges()
    return JsonResponse({"detail": "Stored."})


def _notice_in(content: object) -> tuple[str, str]:
    """Return (IRN, message) of a body, ("", "") when it is none."""
    if not isinstance(content, dict):
        return "", ""
    irn, message = str(content.get("irn") or "").strip(), str(content.get("message") or "").strip().upper()
    is_notice = len(irn) <= 50 and IRN.fullmatch(irn) and MESSAGE.fullmatch(message)
    return (irn.upper(), message) if is_notice else ("", "")
