"""System checks: what must be right before anything starts."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from integrations.base.registry import connector_classes
from integrations.fields import keyring
from integrations.services.keys import unreadable_field


@register()
def credential_keys_are_usable(**_: Any) -> list[CheckMessage]:
    """Refuse to start without a key, with a malformed one, or with one that cannot read what is stored."""
    try:
        keyring()
    except ImproperlyConfigured as problem:
        return [Error(str(problem), id="integrations.E001")]
    field = unreadable_field()
    if field is None:
        return []
    return [
        Error(
            f"{field} was stored with an encryption key that is not in CREDENTIAL_KEYS. Nothing was changed.",
            hint="Put the key back into CREDENTIAL_KEYS (newest first, older ones after it) and start again.",
            id="integrations.E002",
        )
    ]


@register()
def connectors_have_their_facts(**_: Any) -> list[CheckMessage]:
    """Name each connector whose slug is used twice or whose class cannot be loaded."""
    try:
        connector_classes()
    except ImportError as problem:
        return [Error(f"settings.CONNECTORS names a class that does not load: {problem}", id="integrations.E003")]
    return []
