"""The framework's rows."""

from integrations.models.connection import Connection, ConnectionStatus, Credential, Health
from integrations.models.lease import Lease
from integrations.models.queue import Canary, Pulse, QueueMinute
from integrations.models.sync import Quarantine, RunStatus, StopRequest, SyncCursor, SyncRun
from integrations.models.webhook import EventStatus, WebhookDelivery, WebhookEvent, WebhookEventKey

__all__ = [
    "Canary",
    "Connection",
    "ConnectionStatus",
    "Credential",
    "EventStatus",
    "Health",
    "Lease",
    "Pulse",
    "Quarantine",
    "QueueMinute",
    "RunStatus",
    "StopRequest",
    "SyncCursor",
    "SyncRun",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookEventKey",
]
