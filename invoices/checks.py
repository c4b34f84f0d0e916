"""System checks of the tax authority's settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from invoices.authority.environment import mixed_environments
from invoices.services.authority_keys import PAIRS, Group

CHOICES = {
    "MBS_QR_SUFFIX": ("unix", "hms", "none"),
    "MBS_DOWNLOAD_KEY_FORM": ("pub", "given"),
    "MBS_FOREIGN_CURRENCY": ("convert", "keep"),
    "MBS_VOID_WORD": ("REJECTED", "CANCELED"),
    "MBS_ENVIRONMENT": ("", "sandbox", "production"),
}


@register()
def environments_are_not_mixed(**_: Any) -> list[CheckMessage]:
    """Refuse to start where the real register would get invented invoices, or the sandbox real ones."""
    mixed = mixed_environments()
    return [Error(mixed, id="invoices.E001")] if mixed else []


@register()
def choices_are_known(**_: Any) -> list[CheckMessage]:
    """Name each setting whose value is none of those that it takes."""
    return [
        Error(f"{name} is {getattr(settings, name)!r}; it takes {', '.join(filter(None, known))}.", id="invoices.E002")
        for name, known in CHOICES.items()
        if getattr(settings, name) not in known
    ]


@register()
def key_groups_are_known(**_: Any) -> list[CheckMessage]:
    """Name each entry of MBS_KEY_GROUPS that names no call group or no pair."""
    return [
        Error(
            f"MBS_KEY_GROUPS has {group}={pair}; groups are {', '.join(Group)}, pairs are {', '.join(PAIRS)}.",
            id="invoices.E003",
        )
        for group, pair in settings.MBS_KEY_GROUPS.items()
        if group not in list(Group) or pair not in PAIRS
    ]
