"""Logging: structured lines with a request or task id, and with secrets masked before they are written."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEYS = re.compile(r"token|secret|password|authorization|api[-_]?key|cookie|\bcode\b", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?i)(bearer\s+|(?:access_token|refresh_token|client_secret|api_secret|code|password)[\"']?\s*[=:]\s*[\"']?)"
    r"([^\s\"'&,}]{4,})"
)


def mask_text(text: str) -> str:
    """Return the text with anything that looks like a credential replaced by dots."""
    return _SECRET_TEXT.sub(r"\1•••", text)


def mask_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask values under telling keys, and telling text in every other string (a structlog processor)."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = "•••" if _SECRET_KEYS.search(key) and key != "event" else mask_text(value)
    return event


def logging_config(*, json: bool, level: str) -> dict[str, Any]:
    """Return the logging dictionary; `json` for machines, plain key=value lines for people."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": [structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.server": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "django_structlog": {"level": "WARNING"},
        },
    }
