"""What the command line and the control endpoint may change."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Settings:
    """Size and seed of the data, limits, delays in milliseconds, token life in seconds, planned failures."""

    deals: int = 250
    seed: int = 1
    limits: bool = True
    latency_ms: int = 0
    token_ttl: int = 1800
    fail_next: list[dict[str, Any]] = field(default_factory=list)
