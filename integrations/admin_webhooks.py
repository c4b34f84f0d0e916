"""Deliveries and events of webhooks in the admin, and the replay of events."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from accounts.admin_base import EvidenceAdmin, badge, folded, organizations
from accounts.templatetags.show import NOTHING
from integrations.admin import ProviderFilter
from integrations.models import EventStatus, WebhookDelivery, WebhookEvent
from integrations.services.webhooks import replay_effects, replay_events
from integrations.tasks import ring_events

STATUS_COLOURS = {
    EventStatus.RECEIVED: "info",
    EventStatus.PROCESSED: "success",
    EventStatus.IGNORED: "",
    EventStatus.PARKED: "danger",
    EventStatus.FAILED: "warning",
    EventStatus.UNKNOWN_ACCOUNT: "danger",
}
REPLAYED_AT_ONCE = 200


@admin.register(WebhookEvent)
class WebhookEventAdmin(EvidenceAdmin):
    """What providers told, and what became of it."""

    list_display = (
        "id", "received_at", "provider", "external_account_id", "show_organization", "event_type", "object_id",
        "show_status", "attempts", "reason",
    )  # fmt: skip
    list_filter = (
        organizations("connection__organization"),
        ProviderFilter,
        ("status", ChoicesDropdownFilter),
    )
    sortable_by = ("received_at",)
    list_select_related = ("connection__organization",)
    search_fields = ("object_id__exact",)
    search_help_text = _("The object's id at the provider, whole.")
    ordering = ("-received_at", "-pk")
    actions = ("replay",)
    fields = (
        "provider", "external_account_id", "connection", "show_organization", "event_type", "object_type",
        "object_id", "occurred_at", "received_at", "show_status", "reason", "attempts", "next_attempt_at",
        "processed_at", "delivery_id", "key", "show_payload",
    )  # fmt: skip
    readonly_fields = fields

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may have events processed again."""
        return bool(request.user.has_perm("integrations.change_webhookevent"))

    @display(description=_("Organization"))
    def show_organization(self, event: WebhookEvent) -> str:
        """Return whose it is."""
        return str(event.connection.organization) if event.connection else NOTHING

    @badge(description=_("Status"), ordering="status", colours=STATUS_COLOURS)
    def show_status(self, event: WebhookEvent) -> tuple[str, str]:
        """Return the status in words."""
        return event.status, event.get_status_display()

    @display(description=_("As it was received"))
    def show_payload(self, event: WebhookEvent) -> str | SafeString:
        """Return the event's JSON, folded."""
        return folded(event.payload)

    @action(description=_("Replay"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> HttpResponse | None:
        """Show what would happen, and once that is confirmed let the events be processed again."""
        events = list(queryset.select_related("connection")[: REPLAYED_AT_ONCE + 1])
        if len(events) > REPLAYED_AT_ONCE:
            self.message_user(
                request, f"More than {REPLAYED_AT_ONCE} events are chosen. Choose fewer at a time.", messages.WARNING
            )
            return None
        if "confirmed" not in request.POST:
            return self._confirmation(request, events)
        connections = replay_events(events)
        for connection in connections:
            ring_events(connection)
        self.message_user(
            request,
            f"The chosen events of {len(connections)} "
            f"{'connection are' if len(connections) == 1 else 'connections are'} processed again as soon as a worker "
            "is free. Events of accounts that nobody here has connected stay as they are.",
            messages.SUCCESS if connections else messages.WARNING,
        )
        return None

    def _confirmation(self, request: HttpRequest, events: list[WebhookEvent]) -> TemplateResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Replay events"),
            "opts": self.opts,
            "number": len(events),
            "effects": replay_effects(events),
            "chosen": [event.pk for event in events],
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/integrations/replay_confirmation.html", context)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(EvidenceAdmin):
    """Requests as they came, for some days; those that could not be split stay until their retention is over."""

    list_display = ("id", "provider", "received_at", "show_state", "attempts", "problem")
    list_filter = (
        ProviderFilter,
        ("processed_at", admin.EmptyFieldListFilter),
        ("problem", admin.EmptyFieldListFilter),
    )
    actions = ("split_again",)
    fields = (
        "provider", "received_at", "show_state", "attempts", "processed_at", "problem", "show_headers", "show_body",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        """Return rows; their bodies are read on their own page only."""
        rows: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return rows.defer("body")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may have deliveries split again."""
        return bool(request.user.has_perm("integrations.change_webhookdelivery"))

    @badge(description=_("State"), colours={"waits": "info", "split": "success", "parked": "danger"})
    def show_state(self, delivery: WebhookDelivery) -> tuple[str, str]:
        """Return whether its events are stored."""
        if delivery.processed_at is None:
            return "waits", str(_("Waits"))
        return ("parked", str(_("Parked"))) if delivery.problem else ("split", str(_("Split into its events")))

    @display(description=_("Headers"))
    def show_headers(self, delivery: WebhookDelivery) -> str | SafeString:
        """Return what was kept of the headers, folded."""
        return folded(delivery.headers)

    @display(description=_("Body"))
    def show_body(self, delivery: WebhookDelivery) -> str | SafeString:
        """Return the body, folded; bytes that are no text are shown as such."""
        return folded(bytes(delivery.body).decode(errors="backslashreplace"))

    @action(description=_("Split again"), permissions=["replay"])
    def split_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Let parked deliveries be split again; events that are stored already are known by their keys."""
        changed = queryset.exclude(problem="").update(processed_at=None, attempts=0, problem="")
        self.message_user(
            request,
            f"{changed} of the chosen deliveries are split again within seconds. Those without a problem stay as they "
            "are.",
            messages.SUCCESS if changed else messages.WARNING,
        )
