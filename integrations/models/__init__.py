"""The framework's rows."""

from integrations.models.connection import Connection, ConnectionStatus, Credential, Health
from integrations.models.sync import Quarantine, RunStatus, StopRequest, SyncCursor, SyncRun

__all__ = [
    "Connection",
    "ConnectionStatus",
    "Credential",
    "Health",
    "Quarantine",
    "RunStatus",
    "StopRequest",
    "SyncCursor",
    "SyncRun",
]
