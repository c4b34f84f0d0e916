"""What each status of a connection and of a run asks of its reader."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from accounts.templatetags.show import badge
from integrations.models import Connection, ConnectionStatus, Health, RunStatus, SyncRun

register = template.Library()

CONNECTION = {
    ConnectionStatus.ACTIVE: "done",
    ConnectionStatus.NEEDS_REAUTHORIZATION: "needs",
    ConnectionStatus.PAUSED: "waiting",
    ConnectionStatus.DISCONNECTED: "neutral",
}
RUN = {
    RunStatus.RUNNING: "waiting",
    RunStatus.SUCCEEDED: "done",
    RunStatus.PARTIAL: "needs",
    RunStatus.FAILED: "failed",
    RunStatus.PAUSED: "waiting",
    RunStatus.CANCELLED: "needs",
}


@register.simple_tag
def connection_badge(connection: Connection) -> SafeString:
    """Return a connection's status."""
    return badge(CONNECTION[ConnectionStatus(connection.status)], connection.get_status_display())


@register.simple_tag
def health_badge(connection: Connection) -> SafeString:
    """Return a connection's status, or that it is degraded while it is connected."""
    if connection.is_active and connection.health == Health.DEGRADED:
        return badge("needs", connection.get_health_display())
    return connection_badge(connection)


@register.simple_tag
def run_badge(run: SyncRun) -> SafeString:
    """Return a run's status."""
    return badge(RUN[RunStatus(run.status)], run.get_status_display())
