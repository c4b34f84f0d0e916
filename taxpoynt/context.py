"""What every page's frame needs: where one is, as whom, and what waits for somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.lists import COUNTED
from accounts.permissions import Act, may
from integrations.base.registry import providers_of
from integrations.models import Connection, ConnectionStatus
from invoices.models import Invoice

SANDBOX = "sandbox"
# The frame of these is not ours.
OTHER_FACES = ("/admin/", "/api/")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the rail. `waiting` counts what needs somebody there."""

    name: str
    label: str
    url: str
    is_current: bool
    waiting: int = 0
    waiting_words: str = ""


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the frame's facts; it asks the database only when a template shows them."""
    facts: dict[str, Any] = {"is_sandbox": settings.ENVIRONMENT == SANDBOX}
    membership = getattr(request, "membership", None)
    if membership is None or request.path.startswith(OTHER_FACES):
        return facts
    return facts | {
        "organization": membership.organization,
        "membership": membership,
        "navigation": SimpleLazyObject(lambda: navigation(request)),
        "memberships": SimpleLazyObject(lambda: _memberships(request)),
        "may_connect": may(request, Act.CONNECT),
        "may_sync": may(request, Act.SYNC),
        "may_submit": may(request, Act.SUBMIT),
        "may_approve": may(request, Act.APPROVE),
    }


def navigation(request: HttpRequest) -> list[Entry]:
    """Return the entries of the rail."""
    connected = list(Connection.objects.values_list("provider", "status"))
    paying = providers_of("pos", stream="payments")
    entries = [
        ("home", _("Home")),
        ("deals", _("Deals")),
        ("sales", _("Sales")),
        *([("payments", _("Payments"))] if any(provider in paying for provider, _status in connected) else []),
        ("invoices", _("Invoices")),
        ("reconciliation", _("Reconciliation")),
        ("connections", _("Connections")),
        ("settings", _("Settings")),
    ]
    waiting = {
        "invoices": Invoice.objects.needing_somebody()[: COUNTED + 1].count(),
        "connections": sum(status == ConnectionStatus.NEEDS_REAUTHORIZATION for _provider, status in connected),
    }
    return [_entry(request, name, label, waiting.get(name, 0)) for name, label in entries]


def _entry(request: HttpRequest, name: str, label: str, waiting: int) -> Entry:
    url = reverse(name)
    is_current = request.path == url if name == "home" else request.path.startswith(url)
    words = ngettext("%(number)d needs you", "%(number)d need you", waiting) % {"number": waiting}
    return Entry(name, label, url, is_current, waiting, words)


def _memberships(request: HttpRequest) -> list[Any]:
    return list(request.user.memberships.select_related("organization").order_by("organization__name"))  # type: ignore[union-attr]


def admin_environment(request: HttpRequest) -> list[str] | None:
    """Return the label and colour that the admin shows beside its title; None in production."""
    if settings.ENVIRONMENT == SANDBOX:
        return [_("Sandbox"), "warning"]
    return None
