"""System checks: what must be right before anything starts."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from integrations.base.registry import connector_classes
from integrations.fields import keyring
from integrations.services.keys import unreadable_field

DAYS_OF_WARNING = 90


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


@register()
def versions_have_time_left(**_: Any) -> list[CheckMessage]:
    """Warn of each version in use whose support ends within 90 days, or has ended."""
    try:
        used = [(each.info.name, version) for each in connector_classes().values() for version in each.versions()]
    except ImportError:
        return []  # E003 says it
    found: list[CheckMessage] = []
    for name, version in used:
        left = version.days_left(timezone.now().date())
        if left is not None and left < DAYS_OF_WARNING:
            sentence = f"{name} supports version {version.version} of {version.area} until {version.supported_until}"
            hint = "Choose a newer version in the settings and try it against a test account first."
            found.append(Warning(f"{sentence}: {left} days are left.", hint=hint, id="integrations.W001"))
    return found
