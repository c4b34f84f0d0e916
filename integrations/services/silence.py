"""Whether webhooks are silent: a change that polling found and that nothing announced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from integrations.base.registry import get_connector_class
from integrations.models import Connection, Credential, WebhookEvent

# A notice comes within seconds; the provider repeats one that we did not take, and clocks differ.
EARLY, LATE = timedelta(minutes=2), timedelta(minutes=15)


def unannounced(*, connection: Connection, changed_at: Sequence[datetime]) -> int:
    """Return how many of these changes lie at a time at which no webhook of the connection was heard.

    A change for which a notice may still come is not counted. A connection by service key has no webhooks, so nothing
    is expected of it. Not every change has a notice of its own, so any notice at its time is taken for one.
    """
    due = sorted(at for at in changed_at if at < timezone.now() - LATE)
    if not due or not _expects(connection):
        return 0
    heard = WebhookEvent.objects.filter(
        connection=connection, received_at__gte=due[0] - EARLY, received_at__lte=due[-1] + LATE
    )
    times = sorted(heard.values_list("received_at", flat=True))
    return sum(not _any_between(times, at - EARLY, at + LATE) for at in due)


def _expects(connection: Connection) -> bool:
    if not get_connector_class(connection.provider).info.webhook_task:
        return False
    return Credential.objects.filter(connection=connection, refresh_token__isnull=False).exists()


def _any_between(times: Sequence[datetime], first: datetime, last: datetime) -> bool:
    return any(first <= time <= last for time in times)
