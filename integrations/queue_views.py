"""The queues' page in the admin: what is wrong in sentences, who works, and the last hour in small charts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations.broker import report_now
from integrations.charts import Chart, chart
from integrations.queue_health import Judged

RIGHT = "integrations.view_queueminute"


@require_safe
def show_queues(request: HttpRequest) -> HttpResponse:
    """Show how the queues are to staff who may see it."""
    if not request.user.has_perm(RIGHT):
        raise PermissionDenied("Looking at the queues takes the right to view queue minutes. Ask an administrator.")
    report = report_now()
    queues = [
        {"judged": judged, "alive": judged.facts.alive(report.at), "charts": _charts(judged)}
        for judged in report.queues
    ]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Queues"),
        "report": report,
        "queues": queues,
        "beats": [beat for beat in report.beats if beat.is_alive(report.at)],
    }
    return TemplateResponse(request, "admin/integrations/queues.html", context)


def _charts(judged: Judged) -> list[Chart]:
    minutes = judged.facts.minutes
    return [
        chart(_("Waiting"), [minute.depth for minute in minutes]),
        chart(_("Begun a minute"), [minute.taken for minute in minutes]),
        chart(_("Failed a minute"), [minute.failed for minute in minutes]),
        chart(_("Wait of a canary"), [minute.wait_ms for minute in minutes], "ms"),
    ]
