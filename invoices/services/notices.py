"""Takes the authority's notices: kept once each, and what they are about is asked about at once."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_scopes import scopes_disabled

from invoices.models import AuthorityNotice, Exchange, Purpose
from invoices.models.exchange import DUE_STAGES


def receive_notice(*, irn: str, message: str) -> bool:
    """Store a notice and let the invoice's transmission be looked at now; return whether anything is due by it.

    A copy of one that is there, and one about an invoice that is not ours, change nothing.
    """
    now = timezone.now()
    with scopes_disabled(), transaction.atomic():
        _, is_new = AuthorityNotice.objects.get_or_create(irn=irn, message=message)
        if not is_new:
            return False
        waiting = Exchange.objects.filter(invoice__irn=irn, purpose=Purpose.TRANSMIT, stage__in=DUE_STAGES)
        return bool(waiting.update(next_attempt_at=now, updated_at=now))
