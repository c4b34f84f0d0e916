"""The page of connections, and what can be done with one."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import WHO_MAY, Act, is_of_another_organization, require
from integrations.base.auth import Tokens
from integrations.base.connector import ConnectorInfo
from integrations.base.errors import IntegrationError
from integrations.base.registry import connector_classes
from integrations.forms import DisconnectForm, ServiceKeyForm
from integrations.models import Connection, ConnectionStatus, RunStatus, StopRequest, SyncRun
from integrations.models.sync import PREVIEW
from integrations.services.connections import (
    ConnectRefused,
    connect_account,
    disconnect,
    pause,
    request_sync,
    resume,
)
from integrations.services.syncs import request_full_read, request_stop
from integrations.services.testing import try_connection
from integrations.tasks import ring_preview, ring_records, ring_sync

RETRIES_AT_ONCE = 500

TEST_REPORT = "test_report"  # where the session keeps a test's report until its page is shown


@dataclass(slots=True)
class Card:
    """One connector of this installation and the organization's accounts there."""

    info: ConnectorInfo
    can_be_connected: bool  # by consent or, where there is none, by a key
    connections: list[Connection] = field(default_factory=list)


@require_safe
@require(Act.VIEW)
def connections(request: HttpRequest) -> HttpResponse:
    """Show each connector and the accounts connected through it."""
    cards = {
        slug: Card(connector.info, can_be_connected=not connector.info.has_consent or bool(connector.oauth().client_id))
        for slug, connector in connector_classes().items()
    }
    found = list(Connection.objects.order_by("status", "name", "pk"))
    runs = {run.connection_id: run for run in SyncRun.objects.newest()}
    for connection in found:
        connection.latest_run = runs.get(connection.pk)  # type: ignore[attr-defined]
        if connection.provider in cards:
            cards[connection.provider].connections.append(connection)
    whom_to_ask = WHO_MAY[Act.CONNECT].format(organization=request.organization)  # type: ignore[attr-defined]
    return render(request, "integrations/connections.html", {"cards": list(cards.values()), "whom_to_ask": whom_to_ask})


@sensitive_post_parameters("key")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require(Act.CONNECT)
def connect_with_key(request: HttpRequest, provider: str) -> HttpResponse:
    """Connect an account by a key that its people made, without a consent."""
    connector = connector_classes().get(provider)
    if connector is None or not connector.info.accepts_service_key:
        raise Http404(f"Nothing called {provider} is connected by a key.")
    if request.method == "POST" and is_of_another_organization(request):
        return redirect("connections")
    form = ServiceKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            connection = connect_account(
                organization=request.organization,  # type: ignore[attr-defined]
                provider=provider,
                tokens=Tokens(access_token=form.cleaned_data["key"]),
                connected_by=request.user,  # type: ignore[arg-type]
            )
        except (ConnectRefused, IntegrationError) as problem:
            form.add_error("key", str(problem))
        else:
            ring_sync(connection)
            messages.success(request, _("%(name)s is connected and is read now.") % {"name": connection})
            return redirect("connection", pk=connection.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "integrations/key.html", {"info": connector.info, "form": form}, status=status)


@require_POST
@require(Act.SYNC)
def connection_sync(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a sync; a second click while one waits asks for nothing more."""
    with transaction.atomic():
        # Two clicks at once queue up here, and the second finds the first one's wish.
        connection: Connection = get_object_or_404(Connection.objects.select_for_update(), pk=pk)
        if not connection.is_active:
            messages.error(
                request,
                _("%(name)s is not connected now (%(status)s), so nothing can be read.")
                % {"name": connection, "status": connection.get_status_display()},
            )
        elif connection.sync_requested_at is not None:
            messages.info(request, _("A sync of %(name)s was asked for already.") % {"name": connection})
        else:
            request_sync(connection=connection)
            ring_sync(connection)
            messages.success(
                request,
                _(
                    "A sync of %(name)s is asked for. It starts within seconds, or when the queue is back should it be "
                    "away."
                )
                % {"name": connection},
            )
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_full_read(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for everything to be read again."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    if not connection.is_active:
        messages.error(request, _("%(name)s is not connected now, so nothing can be read.") % {"name": connection})
    elif not request_full_read(connection=connection):
        messages.info(request, _("A sync is under way. Wait for its end, or cancel it first."))
    else:
        ring_sync(connection)
        messages.success(request, _("Everything is read again. What has not changed costs no work and no invoice."))
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask what a full read would change."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    if not connection.is_active:
        messages.error(request, _("%(name)s is not connected now, so nothing can be read.") % {"name": connection})
    else:
        ring_preview(connection)
        messages.success(request, _("A preview is asked for. It stands among the last runs and stores nothing."))
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the run under way to pause or to end."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    wish = StopRequest.CANCEL if request.POST.get("wish") == StopRequest.CANCEL else StopRequest.PAUSE
    # Of a sync and a preview beside it the sync is meant.
    runs = connection.runs.filter(status=RunStatus.RUNNING)
    running = runs.exclude(mode=PREVIEW).first() or runs.first()
    if running is None or not request_stop(run=running, request=wish):
        messages.info(request, _("No sync is under way any more."))
    elif wish == StopRequest.PAUSE:
        messages.success(request, _("The sync pauses after the page that it is reading. Sync now goes on from there."))
    else:
        messages.success(request, _("The sync ends after the page that it is reading. What was read is kept."))
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the records again that are in quarantine."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    held = connection.quarantined.filter(resolved_at=None).values_list("external_id", flat=True).distinct()
    if not connection.is_active:
        messages.error(request, _("%(name)s is not connected now, so nothing can be read.") % {"name": connection})
    else:
        ring_records(connection, list(held[:RETRIES_AT_ONCE]))
        messages.success(request, _("They are read again now. Those that are well leave the list within a moment."))
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Try the connection now and say what was found."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    report = try_connection(connection)
    if report.success:
        messages.success(request, _("Test passed. %(sentence)s") % {"sentence": report.message})
    else:
        messages.error(request, _("Test failed. %(sentence)s") % {"sentence": report.message})
    # Shown once, on the page that follows: a reload of it must not call the provider again.
    request.session[TEST_REPORT] = {"connection": pk} | report.as_json()
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop reading a connection until somebody resumes it."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    if pause(connection=connection):
        messages.success(
            request,
            _("%(name)s is paused. Nothing is read from it until somebody resumes it.") % {"name": connection},
        )
    else:
        _say_state(request, connection)
    return redirect("connection", pk=pk)


@require_POST
@require(Act.SYNC)
def connection_resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a paused connection again."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    if resume(connection=connection):
        ring_sync(connection)
        messages.success(request, _("%(name)s is read again; what changed meanwhile comes now.") % {"name": connection})
    else:
        _say_state(request, connection)
    return redirect("connection", pk=pk)


def _say_state(request: HttpRequest, connection: Connection) -> None:
    messages.info(
        request,
        _("Nothing was changed. %(name)s stands at: %(status)s.")
        % {"name": connection, "status": connection.get_status_display()},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require(Act.CONNECT)
def connection_disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what disconnecting does, and do it once the account's name is typed in."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    if connection.status == ConnectionStatus.DISCONNECTED:
        messages.info(request, _("%(name)s is disconnected already.") % {"name": connection})
        return redirect("connection", pk=pk)
    form = DisconnectForm(request.POST or None, connection=connection)
    if request.method == "POST" and form.is_valid():
        untold = disconnect(connection=connection)
        messages.success(
            request,
            _("%(name)s is disconnected and its tokens are gone. Deals and invoices stay.") % {"name": connection},
        )
        if untold:
            messages.warning(request, untold)
        return redirect("connection", pk=pk)
    status = 422 if request.method == "POST" else 200
    connector = connector_classes().get(connection.provider)
    context = {"connection": connection, "form": form, "provider": connector.info if connector else None}
    return render(request, "integrations/disconnect.html", context, status=status)
