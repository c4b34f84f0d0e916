"""Takes up what the authority's webhook says: stored once each, and a reason to ask the authority now."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_scopes import scopes_disabled

from invoices.models import AuthorityNotice, Exchange, Purpose
from invoices.models.exchange import DUE_STAGES


def receive_notice(*, irn: str, message: str) -> bool:
    """Store a notice and make the invoice's transmission due; return whether there is something to ask now.

    A notice that came before is neither stored nor acted on again, so that nobody who learns the address can make us
    ask without end. The message itself moves nothing: confirm does.
    """
    with scopes_disabled(), transaction.atomic():
        _, is_new = AuthorityNotice.objects.get_or_create(irn=irn, message=message)
        if not is_new:
            return False
        waiting = Exchange.objects.filter(
            invoice__irn=irn, purpose=Purpose.TRANSMIT, stage__in=DUE_STAGES, is_sent=True
        )
        return bool(waiting.update(next_attempt_at=timezone.now()))
