"""The framework's rows."""

from integrations.models.connection import Connection, ConnectionStatus, Credential
from integrations.models.sync import Quarantine, RunStatus, SyncCursor, SyncRun

__all__ = [
    "Connection",
    "ConnectionStatus",
    "Credential",
    "Quarantine",
    "RunStatus",
    "SyncCursor",
    "SyncRun",
]
