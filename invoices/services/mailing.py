"""Takes signed invoices to their buyers by e-mail, one each: claimed, sent outside any transaction, recorded.

What is due stands in the database. A worker that dies while sending leaves open whether the e-mail left; it is sent
again under the same Message-ID, because an invoice that never arrives is worse than one that arrives twice.
"""

from __future__ import annotations

import hashlib
import json
import smtplib
from collections import Counter
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from typst import TypstError

from accounts.mail import is_mail_set_up
from accounts.models import User
from accounts.templatetags.show import money
from integrations.services.leases import Claimed, LeaseLost, claim_end, claim_of, renewed
from invoices.models import REGISTERED, Business, Invoice, PaperSent, Post
from invoices.paper.letter import LetterFacts, letter_of, one_line
from invoices.paper.sheet import day
from invoices.services.papering import check_address, pdf_name, pdf_of

logger = structlog.get_logger(__name__)

# Seconds after the first, second … failure in a row; about a day in all, then it is given up and shown.
BACK_OFF = (60, 300, 1800, 7200, 21_600, 43_200)
NO_ADDRESS = "The signed invoice names no e-mail address that can be used. Send the PDF to the buyer yourself."


class NotToSend(ValueError):
    """The invoice cannot go to its buyer now; the text says why and what to do."""


def send_to_buyer(*, invoice: Invoice, by: User | None = None) -> PaperSent:
    """Put an invoice's e-mail on the list of what is due now, within its organization's scope; return its row.

    One that was given up is tried again. Raises NotToSend: not signed, sent already, no address, no mail server.
    """
    if invoice.status not in REGISTERED:
        raise NotToSend("Only a signed invoice goes to its buyer. This one is not signed.")
    if not is_mail_set_up():
        raise NotToSend("E-mail is not set up here. Operations give EMAIL_URL the address of a mail server.")
    PaperSent.objects.get_or_create(invoice=invoice, defaults=_new_row(invoice, by))
    with transaction.atomic():
        row = PaperSent.objects.select_for_update().get(invoice=invoice)
        if row.outcome == Post.NO_ADDRESS:
            raise NotToSend(NO_ADDRESS)
        if row.outcome == Post.SENT:
            raise NotToSend(f"It went to {row.to} already. One e-mail is sent for one invoice.")
        if row.outcome != Post.SENDING:
            row.outcome, row.attempts, row.by, row.next_attempt_at = Post.WAITING, 0, by or row.by, timezone.now()
            row.save()
    return row


def switch_letters(*, business: Business, is_on: bool) -> None:
    """Let what is signed from now on go to its buyers by itself, or stop that; nothing signed before is sent."""
    if is_on != (business.email_buyers_since is not None):
        business.email_buyers_since = timezone.now() if is_on else None
        business.save(update_fields=["email_buyers_since", "updated_at"])


def plan_letters(*, limit: int = 1000) -> int:
    """Put on the list what was signed since its business asked for e-mails by themselves; return how many were new."""
    with scopes_disabled():
        wanted = Invoice.objects.filter(
            status__in=REGISTERED,
            paper_sent=None,
            business__email_buyers_since__isnull=False,
            signed_at__gte=F("business__email_buyers_since"),
        ).order_by("signed_at")[:limit]
        rows = [PaperSent(invoice=invoice, **_new_row(invoice, None)) for invoice in wanted]
        PaperSent.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def send_due_letters(*, until: datetime | None = None) -> Counter[str]:
    """Plan what is new, then send what is due, until nothing is or the time is up; return how many ended how."""
    done: Counter[str] = Counter()
    if not is_mail_set_up():
        return done
    plan_letters()
    while until is None or timezone.now() < until:
        row = _claim()
        if row is None:
            break
        claim = claim_of(row, row.attempts)
        with scope(organization=row.invoice.organization_id), renewed(claim):
            try:
                done[_send(row, claim)] += 1
            except LeaseLost:
                logger.warning("claim_lost", letter=row.pk, attempt=row.attempts)
    return done


def _new_row(invoice: Invoice, by: User | None) -> dict[str, Any]:
    to = _address_in(invoice)
    if not to:
        return {"outcome": Post.NO_ADDRESS, "problem": NO_ADDRESS, "by": by}
    return {"to": to, "next_attempt_at": timezone.now(), "by": by}


def _address_in(invoice: Invoice) -> str:
    """Return the buyer's address from the signed document, "" when it has none that can be used."""
    address = str((_document(invoice).get("accounting_customer_party") or {}).get("email", "")).strip()
    try:
        validate_email(address)
    except ValidationError:
        return ""
    return address if len(address) <= 254 else ""


def _claim() -> PaperSent | None:
    now = timezone.now()
    with scopes_disabled(), transaction.atomic():
        due = PaperSent.objects.due(now).select_for_update(of=("self",), skip_locked=True)
        row: PaperSent | None = due.select_related("invoice__business").first()
        if row is None:
            return None
        row.outcome, row.attempts = Post.SENDING, row.attempts + 1
        taken = PaperSent.objects.filter(pk=row.pk)
        taken.update(outcome=Post.SENDING, attempts=row.attempts, lease_until=claim_end(), updated_at=now)
    return row


def _send(row: PaperSent, claim: Claimed) -> str:
    try:
        pdf = pdf_of(row.invoice)
        claim.check()
        _message(row.invoice, row.to, pdf).send()
    except (OSError, smtplib.SMTPException, TypstError) as problem:
        return _record_failure(row, problem)
    digest = hashlib.sha256(pdf).hexdigest()
    _record(row, outcome=Post.SENT, sent_at=timezone.now(), problem="", pdf_sha256=digest)
    return Post.SENT


def _record_failure(row: PaperSent, problem: Exception) -> str:
    logger.warning("letter_not_sent", invoice=row.invoice_id, attempt=row.attempts, reason=type(problem).__name__)
    is_final = _is_refused_for_good(problem)
    if is_final or row.attempts > len(BACK_OFF):
        tries = f"The e-mail could not be sent in {row.attempts} attempts."
        said = "The mail server refuses this address for good." if is_final else tries
        _record(row, outcome=Post.FAILED, problem=f"{said} Send the PDF to the buyer yourself, or try again here.")
        return Post.FAILED
    wait = timedelta(seconds=BACK_OFF[row.attempts - 1])
    sentence = "The e-mail could not be sent yet. It is tried again by itself."
    _record(row, outcome=Post.WAITING, problem=sentence, next_attempt_at=timezone.now() + wait)
    return Post.WAITING


def _is_refused_for_good(problem: Exception) -> bool:
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in problem.recipients.values())
    return False


def _record(row: PaperSent, **columns: Any) -> None:
    """Write what came of it, unless another worker has taken the row since."""
    mine = PaperSent.objects.filter(pk=row.pk, outcome=Post.SENDING, attempts=row.attempts)
    mine.update(lease_until=None, updated_at=timezone.now(), **columns)


def _message(invoice: Invoice, to: str, pdf: bytes) -> EmailMultiAlternatives:
    document, business = _document(invoice), invoice.business
    assert business is not None  # noqa: S101 - it is signed, so it has a seller
    irn = str(invoice.irn)
    seller = str(document["accounting_supplier_party"]["party_name"])
    letter = letter_of(
        LetterFacts(
            type_code=invoice.type_code,
            number=str(invoice.number),
            irn=irn,
            seller=seller,
            buyer=invoice.buyer_name,
            amount=money(invoice.payable_amount, invoice.currency),
            due=day(invoice.due_date.isoformat()) if invoice.due_date else "",
            check_at=check_address(irn),
            is_sandbox=settings.ENVIRONMENT == "sandbox",
        )
    )
    message = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        formataddr((one_line(seller), settings.DEFAULT_FROM_EMAIL)),
        [to],
        reply_to=[business.email] if business.email else None,
        headers={"Message-ID": f"<{irn}@{settings.ALLOWED_HOSTS[0]}>"},
    )
    message.attach_alternative(letter.html, "text/html")
    message.attach(pdf_name(invoice), pdf, "application/pdf")
    return message


def _document(invoice: Invoice) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoice.document or "{}")
    return found
