"""The framework's rows."""

from integrations.models.connection import Connection, ConnectionStatus, Credential
from integrations.models.sync import Quarantine, RunStatus, StopRequest, SyncCursor, SyncRun

__all__ = [
    "Connection",
    "ConnectionStatus",
    "Credential",
    "Quarantine",
    "RunStatus",
    "StopRequest",
    "SyncCursor",
    "SyncRun",
]
