"""The figures of the admin's first page: what waits for staff, over all organizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.models import Deal
from integrations.models import Connection, ConnectionStatus, Quarantine, RunStatus, SyncRun
from invoices.models import Business, Invoice, Status


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, what it counts, and where its rows are; `needs` marks one that somebody should look at."""

    label: str
    number: int
    url: str
    needs: bool = False


def figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the first page's context, for staff who may see invoices."""
    if request.user.has_perm("invoices.view_invoice"):
        context["figures"] = [*_work(), *_trouble()]
    return context


def _work() -> list[Figure]:
    invoices = reverse("admin:invoices_invoice_changelist")
    counts = Invoice.objects.counts_by_status()
    return [
        Figure(_("Invoices signed"), counts[Status.SIGNED], f"{invoices}?status__exact=signed"),
        Figure(_("Invoices ready"), counts[Status.READY], f"{invoices}?status__exact=ready"),
        Figure(_("Outcome not known"), counts[Status.UNKNOWN], f"{invoices}?status__exact=unknown"),
        Figure(
            _("Deals that wait for an invoice"),
            Deal.objects.due().count(),
            f"{reverse('admin:crm_deal_changelist')}?invoice_due__exact=1",
        ),
        Figure(_("Invoices held: facts are missing"), counts[Status.DRAFT], f"{invoices}?status__exact=draft"),
        _needing(_("Invoices rejected"), counts[Status.REJECTED], f"{invoices}?status__exact=rejected"),
    ]


def _trouble() -> list[Figure]:
    connections = reverse("admin:integrations_connection_changelist")
    runs = reverse("admin:integrations_syncrun_changelist")
    return [
        _needing(
            _("Connections to connect again"),
            Connection.objects.filter(status=ConnectionStatus.NEEDS_REAUTHORIZATION).count(),
            f"{connections}?status__exact=needs_reauthorization",
        ),
        _needing(
            _("Sellers whose submissions are paused"),
            Business.objects.exclude(submissions_paused_reason="").count(),
            f"{reverse('admin:invoices_business_changelist')}?submissions_paused_reason__isempty=0",
        ),
        _needing(
            _("Records in quarantine"),
            Quarantine.objects.filter(resolved_at=None).count(),
            f"{reverse('admin:integrations_quarantine_changelist')}?resolved_at__isempty=1",
        ),
        _needing(
            _("Sync runs that failed"),
            SyncRun.objects.filter(status=RunStatus.FAILED).count(),
            f"{runs}?status__exact=failed",
        ),
    ]


def _needing(label: str, number: int, url: str) -> Figure:
    return Figure(label, number, url, needs=number > 0)
