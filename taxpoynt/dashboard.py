"""Pages that show things of several apps: home, and a connection with its progress."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

from accounts.permissions import Act, require
from crm.services import write_back_switch
from integrations.base.registry import connector_classes
from integrations.health import in_words
from integrations.models import Connection, Quarantine
from integrations.services.health import health_facts
from integrations.services.own_addresses import address_of
from integrations.views import TEST_REPORT
from taxpoynt.overview import overview
from taxpoynt.progress import progress_of

RUNS_SHOWN = 10
QUARANTINED_SHOWN = DIFFERENCES_SHOWN = 50
HX_REFRESH = "HX-Refresh"


@require_safe
@require(Act.VIEW)
def home(request: HttpRequest) -> HttpResponse:
    """Say what happened and what needs somebody; before anything is connected, offer to connect."""
    connectors = [connector.info for connector in connector_classes().values() if connector.oauth().client_id]
    return render(request, "dashboard/home.html", {"overview": overview(), "connectors": connectors})


@require_safe
@require(Act.VIEW)
def connection(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one connection: how far it is, its runs, what could not be read, and what can be done with it."""
    found = _connection(pk)
    report = request.session.pop(TEST_REPORT, None)
    context = _facts(found) | {"report": report if report and report["connection"] == pk else None}
    return render(request, "dashboard/connection.html", context)


def _facts(found: Connection) -> dict[str, Any]:
    connector = connector_classes().get(found.provider)
    census = found.censuses.first()
    facts, now = health_facts(found), timezone.now()
    return {
        "census": census,
        "differences": list(census.differences.all()[:DIFFERENCES_SHOWN]) if census else [],
        "connection": found,
        "provider": connector.info if connector else None,
        "own_address": address_of(found) if connector and connector.info.has_own_address else "",
        "progress": progress_of(found),
        "health": facts,
        "lag": in_words(facts.lag(now)) if found.is_active else "",
        "versions": [(each, each.days_left(now.date())) for each in connector.versions()] if connector else [],
        "schedule": _schedule(found),
        "write_back": write_back_switch(found),
        "runs": found.runs.order_by("-pk")[:RUNS_SHOWN],
        "quarantined": Quarantine.objects.filter(connection=found, resolved_at=None).defer("payload")[
            :QUARANTINED_SHOWN
        ],
    }


def _schedule(found: Connection) -> str:
    """Return when the connection is read by itself, as staff may have set it."""
    task = PeriodicTask.objects.filter(name=f"Nightly sync of connection {found.pk}", enabled=True)
    crontab = next((each.crontab for each in task.select_related("crontab")), None)
    if crontab is None or not found.is_active:
        return _("only when somebody asks")
    if crontab.hour.isdecimal() and crontab.minute.isdecimal() and crontab.day_of_week == "*":
        at = f"{int(crontab.hour):02}:{int(crontab.minute):02}"
        return _("every day at %(at)s (%(zone)s), and when somebody asks") % {"at": at, "zone": crontab.timezone}
    return _("on its own schedule, and when somebody asks")


@never_cache
@require_safe
@require(Act.VIEW)
def connection_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the progress as a part of the connection's page; without htmx, go to that page.

    When the work has ended the whole page is fetched again once: its runs and lists are old by then.
    """
    found = _connection(pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("connection", pk=pk)
    progress = progress_of(found)
    response = render(request, "dashboard/progress.html", {"connection": found, "progress": progress})
    if not progress.is_busy:
        response[HX_REFRESH] = "true"
    return response


@never_cache
@require_safe
@require(Act.VIEW)
def connection_progress_json(request: HttpRequest, pk: int) -> JsonResponse:
    """Return the progress for programs."""
    return JsonResponse(progress_of(_connection(pk)).as_json())


def _connection(pk: int) -> Connection:
    connection: Connection = get_object_or_404(Connection.objects.select_related("connected_by"), pk=pk)
    return connection
