"""The admin's sidebar, and the figures of its first page: what waits for staff, over all organizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from crm.models import Deal
from integrations.base.registry import connector_classes
from integrations.models import Connection, ConnectionStatus, Health, Quarantine, RunStatus, SyncRun, WebhookDelivery
from integrations.queue_views import RIGHT
from invoices.models import Business, Invoice, Status

SUNSET_IS_NEAR = 90  # days


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, what it counts, and where its rows are; `needs` marks one that somebody should look at."""

    label: Any
    number: int
    url: str
    needs: bool = False


# What staff look for most comes first; each entry is a model and its picture.
SIDEBAR: tuple[tuple[Any, tuple[tuple[str, str], ...]], ...] = (
    (
        _("Invoices"),
        (
            ("invoices.invoice", "receipt_long"),
            ("invoices.submission", "send"),
            ("invoices.business", "storefront"),
            ("invoices.numberseries", "tag"),
            ("invoices.ruleset", "rule"),
            ("invoices.ruleexample", "fact_check"),
            ("invoices.exchange", "sync_alt"),
            ("invoices.papersent", "mail"),
            ("invoices.authoritynotice", "campaign"),
            ("invoices.codelist", "list_alt"),
            ("invoices.reconciliation", "balance"),
            ("invoices.difference", "difference"),
            ("invoices.proposal", "published_with_changes"),
            ("invoices.breaker", "power_off"),
        ),
    ),
    (
        _("The law"),
        (
            ("invoices.taxrate", "percent"),
            ("invoices.legalrule", "gavel"),
            ("invoices.enforcement", "event"),
            ("invoices.exchangerate", "currency_exchange"),
            ("invoices.taxrulesversion", "history"),
            ("invoices.sellerversion", "history_edu"),
            ("invoices.deadlinealarm", "alarm"),
        ),
    ),
    (
        _("Connections"),
        (
            ("integrations.connection", "link"),
            ("integrations.syncrun", "sync"),
            ("integrations.quarantine", "report"),
            ("integrations.synccursor", "bookmark"),
            ("integrations.webhookevent", "notifications"),
            ("integrations.webhookdelivery", "inbox"),
            ("integrations.credential", "key"),
        ),
    ),
    (
        _("CRM"),
        (
            ("crm.deal", "handshake"),
            ("crm.company", "domain"),
            ("crm.contact", "contacts"),
            ("crm.pipeline", "view_column"),
            ("crm.owner", "badge"),
            ("crm.census", "balance"),
            ("crm.buyerlink", "contact_mail"),
            ("crm.buyerfacts", "assignment_ind"),
        ),
    ),
    (
        _("Point of sale"),
        (
            ("pos.sale", "point_of_sale"),
            ("pos.salebatch", "inventory_2"),
            ("pos.dayclose", "task_alt"),
            ("pos.refund", "undo"),
            ("pos.salereturn", "swap_horiz"),
            ("pos.terminalpayment", "credit_card"),
            ("pos.customer", "business_center"),
            ("pos.catalogobject", "sell"),
            ("pos.location", "store"),
        ),
    ),
    (
        _("People and organizations"),
        (
            ("accounts.organization", "corporate_fare"),
            ("accounts.user", "person"),
            ("accounts.membership", "group"),
            ("auth.group", "admin_panel_settings"),
        ),
    ),
    (
        _("Schedules"),
        (
            ("django_celery_beat.periodictask", "schedule"),
            ("django_celery_beat.crontabschedule", "event_repeat"),
            ("django_celery_beat.intervalschedule", "timer"),
            ("django_celery_beat.clockedschedule", "alarm"),
            ("django_celery_beat.solarschedule", "wb_twilight"),
        ),
    ),
    (
        _("Sign-ins"),
        (("axes.accessattempt", "lock"), ("axes.accesslog", "login"), ("axes.accessfailurelog", "no_accounts")),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar, with the entries that this member of staff may see."""
    groups = [{"title": title, "separator": True, "items": _entries(request, entries)} for title, entries in SIDEBAR]
    if request.user.has_perm(RIGHT):
        work = {"title": _("Queues"), "icon": "monitor_heart", "link": reverse("queues")}
        groups.append({"title": _("Operations"), "separator": True, "items": [work]})
    return [group for group in groups if group["items"]]


def _entries(request: HttpRequest, entries: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    shown = []
    for label, icon in entries:
        model = apps.get_model(label)
        if admin.site._registry[model].has_view_permission(request):
            name = f"admin:{label.replace('.', '_')}_changelist"
            shown.append({"title": capfirst(model._meta.verbose_name_plural), "icon": icon, "link": reverse(name)})
    return shown


def figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the first page's context, for staff who may see invoices."""
    if request.user.has_perm("invoices.view_invoice"):
        context["figures"] = [*_work(), *_trouble()]
        context["sunset"] = _next_sunset()
    return context


def _next_sunset() -> dict[str, Any] | None:
    """Return the version in use whose support ends first, with the days that are left; None when there is none."""
    today = timezone.now().date()
    ends: list[dict[str, Any]] = [
        {"name": connector.info.name, "version": version, "days": days, "is_near": days < SUNSET_IS_NEAR}
        for connector in connector_classes().values()
        for version in connector.versions()
        if (days := version.days_left(today)) is not None
    ]
    return min(ends, key=lambda end: end["days"], default=None)


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
            _("Connections that are degraded"),
            Connection.objects.filter(health=Health.DEGRADED).count(),
            f"{connections}?health__exact=degraded",
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
            _("Notices that could not be read"),
            WebhookDelivery.objects.exclude(problem="").count(),
            f"{reverse('admin:integrations_webhookdelivery_changelist')}?problem__isempty=0",
        ),
        _needing(
            _("Sync runs that failed"),
            SyncRun.objects.filter(status=RunStatus.FAILED).count(),
            f"{runs}?status__exact=failed",
        ),
    ]


def _needing(label: Any, number: int, url: str) -> Figure:
    return Figure(label, number, url, needs=number > 0)
