"""Keeps invoices from being handed to an authority that is away, and lets them go when it is back."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_scopes import scopes_disabled

from invoices.models import WAITING, Breaker, Invoice

logger = structlog.get_logger(__name__)

SILENCES_THAT_OPEN = 3
# Seconds until one worker tries again, after the opening, the first failed try, the second …
WAITS = (10, 30, 60, 120, 300)
# A try that its worker never reports on must not keep everybody else waiting; one that is only slow costs the
# authority one more try for each of these.
PROBE = timedelta(seconds=25)


def may_call() -> bool:
    """Tell whether this worker may make an attempt now: always while the authority answers, else one at a time."""
    breaker = Breaker.objects.filter(authority=_authority()).exclude(opened_at=None).first()
    now = timezone.now()
    if breaker is None:
        return True
    if breaker.open_until is None or breaker.open_until > now:
        return False
    probing = Breaker.objects.filter(pk=breaker.pk, open_until=breaker.open_until)
    return bool(probing.update(open_until=now + PROBE, updated_at=now))


def opened() -> Breaker | None:
    """Return the breaker while it is open, for pages and health."""
    return Breaker.objects.filter(authority=_authority()).exclude(opened_at=None).first()


def note_attempt(*, silent: bool, sentence: str) -> None:
    """Count an attempt without an answer, or let everything go again when an answer came after a silence."""
    if silent:
        _count_silence(sentence)
    elif Breaker.objects.filter(authority=_authority()).exclude(failures=0).exists():
        _close()


def _count_silence(sentence: str) -> None:
    Breaker.objects.get_or_create(authority=_authority())
    with transaction.atomic():
        breaker = Breaker.objects.select_for_update().get(authority=_authority())
        now = timezone.now()
        breaker.failures += 1
        breaker.sentence = sentence
        if breaker.failures >= SILENCES_THAT_OPEN:
            if breaker.opened_at is None:
                logger.error("authority_away", failures=breaker.failures, reason=sentence)
            breaker.opened_at = breaker.opened_at or now
            breaker.open_until = now + _wait(breaker.failures)
        breaker.save()


def _close() -> None:
    with transaction.atomic(), scopes_disabled():
        breaker = Breaker.objects.select_for_update().get(authority=_authority())
        was_open = breaker.opened_at is not None
        breaker.failures, breaker.opened_at, breaker.open_until, breaker.sentence = 0, None, None, ""
        breaker.save()
        if was_open:
            logger.info("authority_is_back", due_again=_let_go(timezone.now()))


def _let_go(now: datetime) -> int:
    """Make due what only waited for the authority; a second look keeps its time, which it needs for its meaning."""
    waiting = Invoice.objects.filter(status__in=WAITING, setbacks__gt=0, seen_absent=False, next_attempt_at__gt=now)
    return waiting.update(next_attempt_at=now)


def _wait(failures: int) -> timedelta:
    return timedelta(seconds=WAITS[min(failures - SILENCES_THAT_OPEN, len(WAITS) - 1)])


def _authority() -> str:
    return settings.MBS_BASE_URL
