"""The framework's rows."""

from integrations.models.connection import Connection, ConnectionStatus, Credential, Health
from integrations.models.sync import Quarantine, RunStatus, StopRequest, SyncCursor, SyncRun
from integrations.models.webhook import EventStatus, WebhookDelivery, WebhookEvent, WebhookEventKey

__all__ = [
    "Connection",
    "ConnectionStatus",
    "Credential",
    "EventStatus",
    "Health",
    "Quarantine",
    "RunStatus",
    "StopRequest",
    "SyncCursor",
    "SyncRun",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookEventKey",
]
