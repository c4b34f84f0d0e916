"""The framework's rows."""

from integrations.models.connection import Connection, ConnectionStatus, Credential
from integrations.models.sync import Quarantine, RunStatus, SyncCursor, SyncRun
from integrations.models.webhook import EventStatus, WebhookDelivery, WebhookEvent, WebhookEventKey

__all__ = [
    "Connection",
    "ConnectionStatus",
    "Credential",
    "EventStatus",
    "Quarantine",
    "RunStatus",
    "SyncCursor",
    "SyncRun",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookEventKey",
]
