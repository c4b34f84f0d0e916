"""Trying a connection now, and saying each thing that was found in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.base.connector import IntegrationTestResult
from integrations.base.errors import ReauthorizationRequired
from integrations.base.registry import connector_classes
from integrations.health import in_words
from integrations.models import Connection, ConnectionStatus
from integrations.services.connections import connector_for, mark_needs_reauthorization

SKEW_ALLOWED = 60  # seconds; webhooks are refused from five minutes on


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at; `is_good` is None for a fact that is neither good nor bad."""

    label: str
    sentence: str
    is_good: bool | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a test found; `missing_scopes` can be asked for by connecting again."""

    success: bool
    message: str
    lines: tuple[Line, ...] = ()
    missing_scopes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs and for the session; no secret is in it."""
        return {
            "success": self.success,
            "message": self.message,
            "lines": [{"label": line.label, "sentence": line.sentence, "is_good": line.is_good} for line in self.lines],
            "missing_scopes": list(self.missing_scopes),
        }


def try_connection(connection: Connection) -> Report:
    """Call the provider and report; never raises for what the provider does."""
    if connection.provider not in connector_classes():
        return Report(
            False, _("No connector called %(name)s is installed here any more.") % {"name": connection.provider}
        )
    if connection.status == ConnectionStatus.DISCONNECTED:
        return Report(False, _("%(name)s is disconnected, so there is nothing to test.") % {"name": connection})
    connector = connector_for(connection)
    try:
        result = connector.test_connection()
    finally:
        connector.close()
    if result.success:
        Connection.objects.filter(pk=connection.pk).update(last_good_call_at=timezone.now())
    if isinstance(result.problem, ReauthorizationRequired):
        mark_needs_reauthorization(connection=connection, problem=result.problem)
    missing = tuple(result.details.get("missing") or ())
    return Report(result.success, result.message, tuple(_lines(connection, result)), missing)


def _lines(connection: Connection, result: IntegrationTestResult) -> list[Line]:
    found = result.details
    lines = []
    if "account" in found:
        same = found["account"] == connection.external_account_id
        sentence = (
            _("%(number)s, time zone %(zone)s, currency %(currency)s.")
            if same
            else _("The access opens account %(number)s, which is not the one that was connected.")
        ) % {"number": found["account"], "zone": found.get("time_zone"), "currency": found.get("currency")}
        lines.append(Line(_("Account"), sentence, same))
    if "missing" in found:
        lines += _scope_lines(found)
    if "latency_ms" in found:
        lines.append(Line(_("Answer time"), _("%(ms)s ms.") % {"ms": found["latency_ms"]}))
        lines.append(Line(_("Calls left"), f"{found.get('remaining') or _('not told')}."))
        lines.append(_clock_line(found.get("skew_seconds")))
    lines.append(_webhook_line(getattr(connection, "last_webhook_at", None)))
    return lines


def _scope_lines(found: dict[str, Any]) -> list[Line]:
    granted, missing, spare = found.get("granted") or [], found["missing"], found.get("not_granted") or []
    lines = [Line(_("Granted"), ", ".join(granted) or _("A key does not say; each kind of record was read once."))]
    sentence = ", ".join(missing) if missing else _("Nothing that is needed.")
    lines.append(Line(_("Missing"), sentence, not missing))
    if spare:
        lines.append(Line(_("Not granted"), _("%(scopes)s: useful, not needed.") % {"scopes": ", ".join(spare)}))
    return lines


def _clock_line(skew: int | None) -> Line:
    label = _("Clocks")
    if skew is None:
        return Line(label, _("The provider did not tell its time."))
    seconds = ngettext("%(n)s second", "%(n)s seconds", abs(skew)) % {"n": abs(skew)}
    if abs(skew) <= SKEW_ALLOWED:
        return Line(label, _("%(seconds)s apart.") % {"seconds": seconds}, True)
    return Line(
        label,
        _("%(seconds)s apart. Operations must set this server's clock: webhooks are refused at five minutes.")
        % {"seconds": seconds},
        False,
    )


def _webhook_line(last: Any) -> Line:
    if last is None:
        return Line(_("Webhooks"), _("None has arrived. Changes are found by each sync all the same."))
    return Line(
        _("Webhooks"), _("The last one arrived %(time)s ago.") % {"time": in_words(timezone.now() - last)}, True
    )
