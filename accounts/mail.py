"""Plain letters to people: to an organization's owners, or to an address that somebody gave."""

from __future__ import annotations

from collections.abc import Sequence
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage

from accounts.models import Membership, Organization, Role

logger = structlog.get_logger(__name__)

LONGEST_SUBJECT = 200


def is_mail_set_up() -> bool:
    """Tell whether there is a mail server to give letters to."""
    return bool(settings.EMAIL_HOST) or "smtp" not in settings.EMAIL_BACKEND


def owners_of(organization: Organization) -> list[str]:
    """Return the addresses of an organization's active owners, sorted; needs its scope to be open."""
    owners = Membership.objects.filter(organization=organization, role=Role.OWNER, user__is_active=True)
    return sorted(owners.values_list("user__email", flat=True))


def send_letter(*, to: Sequence[str], subject: str, body: str) -> bool:
    """Give a letter to the mail server; False when there is none, it is away, or it refuses the letter.

    A subject is one line, whatever names are in it: a line break in one would start a header of its own.
    """
    if not is_mail_set_up():
        logger.warning("letter_not_sent", reason="EMAIL_URL is empty")
        return False
    one_line = " ".join(subject.split())[:LONGEST_SUBJECT]
    try:
        EmailMessage(subject=one_line, body=body, to=list(to)).send()
    except (SMTPException, OSError) as problem:
        logger.warning("letter_not_sent", reason=type(problem).__name__)
        return False
    return True
