"""Fetches the authority's copy of a document, opens it, and compares it with what was frozen."""

from __future__ import annotations

from hashlib import sha256

import structlog
from django.utils import timezone

from invoices.authority.base import Absent, CredentialsRefused, Downloaded, Undecipherable
from invoices.comparing import differences
from invoices.models import Stage
from invoices.services.authority_keys import Group
from invoices.services.exchanging import MENDING, Outcome, Work, call

logger = structlog.get_logger(__name__)

ABSENT = (
    "The tax authority has no copy of this invoice, although it is signed here. Compare the two before anything else "
    "is done with it, and tell support."
)


def compare(work: Work) -> Outcome:
    """Make one attempt at fetching and comparing."""
    invoice = work.exchange.invoice
    answer = call(work, "download", lambda: work.authority(Group.DOWNLOAD).download(invoice.irn or ""))
    match answer:
        case Downloaded(document=copy):
            return _compared(work, copy)
        case Absent():
            logger.error("signed_invoice_absent", invoice=invoice.pk, irn=invoice.irn)
            return Outcome(Stage.REFUSED, ABSENT)
        case Undecipherable(sentence=sentence):
            return Outcome(Stage.REFUSED, sentence)
        case CredentialsRefused(sentence=sentence):
            return Outcome(Stage.WAITING, sentence, MENDING)
    return Outcome(Stage.WAITING, answer.sentence)


def _compared(work: Work, copy: bytes) -> Outcome:
    invoice = work.exchange.invoice
    try:
        found = differences(invoice.body, copy)
    except ValueError:
        return Outcome(Stage.REFUSED, "The authority's copy opens, but it is no readable document. Tell support.")
    result = {"differences": found, "sha256": sha256(copy).hexdigest(), "at": timezone.now().isoformat()}
    if not found:
        return Outcome(Stage.DONE, result=result)
    logger.error("authority_copy_differs", invoice=invoice.pk, fields=len(found))
    words = "one field" if len(found) == 1 else f"{len(found)} fields"
    problem = f"The authority's copy differs from what was handed in, in {words}. Show them to your accountant."
    return Outcome(Stage.DONE, problem, result=result)
