"""Connections, how far they were read, and what could not be read, in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from accounts.admin_base import BigAdmin, EvidenceAdmin, EvidenceInline, TenantAdmin, badge, folded, organizations
from accounts.templatetags.show import NOTHING, ago
from integrations.base.registry import connector_classes
from integrations.models import (
    Connection,
    ConnectionStatus,
    Credential,
    Health,
    Quarantine,
    RunStatus,
    StopRequest,
    SyncCursor,
    SyncRun,
)
from integrations.services.connections import pause, request_sync, resume
from integrations.services.syncs import request_stop
from integrations.services.testing import try_connection
from integrations.tasks import ring_records, ring_sync

CONNECTION_COLOURS = {
    ConnectionStatus.ACTIVE: "success",
    ConnectionStatus.NEEDS_REAUTHORIZATION: "danger",
    ConnectionStatus.PAUSED: "warning",
    ConnectionStatus.DISCONNECTED: "",
}
HEALTH_COLOURS = {
    Health.OK: "success",
    Health.DEGRADED: "warning",
    Health.NEEDS_REAUTHORIZATION: "danger",
    Health.PAUSED: "info",
    Health.DISCONNECTED: "",
}
RUN_COLOURS = {
    RunStatus.RUNNING: "info",
    RunStatus.SUCCEEDED: "success",
    RunStatus.PARTIAL: "warning",
    RunStatus.FAILED: "danger",
    RunStatus.PAUSED: "warning",
    RunStatus.CANCELLED: "",
}
TESTS_AT_ONCE = 10  # each may wait for its provider while the page waits for them all


def provider_name(slug: str) -> str:
    """Return the name of a provider, or its slug when its connector is no longer installed."""
    connector = connector_classes().get(slug)
    return connector.info.name if connector else slug


class ProviderFilter(DropdownFilter):
    """Filters by provider; the choices are the connectors of this installation."""

    title = _("provider")
    parameter_name = "provider"
    path = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return slug and name of every connector."""
        return [(slug, connector.info.name) for slug, connector in connector_classes().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen provider."""
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset


class ProviderOfConnectionFilter(ProviderFilter):
    """Filters rows by the provider of their connection: by the connections' ids, which an index of the rows knows."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen provider's connections."""
        if not self.value():
            return queryset
        chosen = Connection.objects.filter(provider=self.value()).values_list("pk", flat=True)
        return queryset.filter(connection__in=list(chosen))


class ConnectionForm(forms.ModelForm):
    """Takes an organization's choices for reading its account."""

    class Meta:
        model = Connection
        fields = ("name", "options")

    def clean_options(self) -> dict[str, Any]:
        """Return the choices; anything but an object would stop every sync."""
        options = self.cleaned_data["options"] or {}
        if not isinstance(options, dict):
            raise forms.ValidationError(
                _('Write an object, for example {"properties": {"company_tin": "tax_number"}}.')
            )
        if not isinstance(options.get("properties") or {}, dict):
            raise forms.ValidationError(_('"properties" is an object: our name of a fact, and theirs.'))
        return options


class RunInline(EvidenceInline):
    """The newest runs of a connection."""

    model = SyncRun
    fields = ("stream", "mode", "status", "started_at", "finished_at", "read", "quarantined", "sentence")
    readonly_fields = fields
    ordering = ("-pk",)
    per_page = 10
    show_change_link = True


@admin.register(Connection)
class ConnectionAdmin(TenantAdmin):
    """Links to outside accounts. They are made by consent and ended on the connections page, not here."""

    form = ConnectionForm
    list_display = (
        "name", "organization", "show_provider", "show_health", "health_since", "health_cause", "show_last_good_call",
        "show_wanted",
    )  # fmt: skip
    list_filter = (
        organizations(),
        ProviderFilter,
        ("health", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        "created_at",
    )
    list_select_related = ("organization",)
    search_fields = ("name", "external_account_id", "organization__name", "organization__slug")
    actions = ("sync_now", "test_now", "pause_now", "resume_now")
    inlines = (RunInline,)
    readonly_fields = (
        "organization", "show_provider", "external_account_id", "show_status", "problem", "show_health", "health_cause",
        "health_next", "health_since", "show_versions", "time_zone", "currency",
        "show_scopes", "show_account_facts", "sync_requested_at", "last_good_call_at", "last_webhook_at",
        "connected_by", "created_at",
        "updated_at",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("organization", "show_provider", "name", "show_status", "problem")}),
        (_("Health"), {"fields": ("show_health", "health_cause", "health_next", "health_since", "show_versions")}),
        (_("How it is read"), {"fields": ("options", "sync_requested_at", "last_good_call_at", "last_webhook_at")}),
        (
            _("The account, as its provider says"),
            {"fields": ("external_account_id", "time_zone", "currency", "show_scopes", "show_account_facts")},
        ),
        (_("Since when"), {"fields": ("connected_by", "created_at", "updated_at")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a connection is made by the consent of its owner."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: its deals and invoices name it; an owner disconnects it instead."""
        return False

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may make connections work."""
        return bool(request.user.has_perm("integrations.change_connection"))

    @display(description=_("Provider"), ordering="provider")
    def show_provider(self, connection: Connection) -> str:
        """Return the provider's name."""
        return provider_name(connection.provider)

    @badge(description=_("Status"), ordering="status", colours=CONNECTION_COLOURS)
    def show_status(self, connection: Connection) -> tuple[str, str]:
        """Return the status in words."""
        return connection.status, connection.get_status_display()

    @badge(description=_("Health"), ordering="health", colours=HEALTH_COLOURS)
    def show_health(self, connection: Connection) -> tuple[str, str]:
        """Return the health in words."""
        return connection.health, connection.get_health_display()

    @display(description=_("Versions in use"))
    def show_versions(self, connection: Connection) -> str:
        """Return each version of the provider's interfaces and the days to its sunset."""
        connector = connector_classes().get(connection.provider)
        versions = connector.versions() if connector else ()
        today = timezone.now().date()
        left = [(each, each.days_left(today)) for each in versions]
        return "; ".join(f"{each.area} {each.version}: {days} days to its sunset" for each, days in left) or NOTHING

    @display(description=_("Last good call"), ordering="last_good_call_at")
    def show_last_good_call(self, connection: Connection) -> str | SafeString:
        """Return the age of the last call that worked."""
        return ago(connection.last_good_call_at)

    @display(description=_("Sync wanted"), ordering="sync_requested_at")
    def show_wanted(self, connection: Connection) -> str | SafeString:
        """Return how long a sync has been wanted and not started."""
        return ago(connection.sync_requested_at)

    @display(description=_("Granted"))
    def show_scopes(self, connection: Connection) -> str:
        """Return what the account granted."""
        return ", ".join(connection.scopes) or NOTHING

    @display(description=_("Facts"))
    def show_account_facts(self, connection: Connection) -> str | SafeString:
        """Return what the provider says about the account, folded."""
        return folded(connection.account_facts)

    @action(description=_("Sync now"), permissions=["sync"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Ask for a sync of each connected account; the wish is stored, so the broker may be away."""
        chosen = list(queryset)
        able = [each for each in chosen if each.is_active and each.provider in connector_classes()]
        for connection in able:
            request_sync(connection=connection)
            ring_sync(connection)
        if able:
            noun = "connection" if len(able) == 1 else "connections"
            self.message_user(
                request,
                f"A sync of {len(able)} {noun} is asked for. It starts as soon as a worker is free, and if the queue "
                "is away now, when it is back.",
                messages.SUCCESS,
            )
        if len(able) < len(chosen):
            self.message_user(
                request,
                f"{len(chosen) - len(able)} of {len(chosen)} cannot be read now and were left as they are: see their "
                "status.",
                messages.WARNING,
            )

    @action(description=_("Pause"), permissions=["sync"])
    def pause_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Stop reading the chosen connections."""
        done = [pause(connection=connection) for connection in queryset]
        self.message_user(request, f"{sum(done)} of {len(done)} paused; the others were not being read.")

    @action(description=_("Resume"), permissions=["sync"])
    def resume_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Read the chosen connections again."""
        done = [connection for connection in queryset if resume(connection=connection)]
        for connection in done:
            ring_sync(connection)
        self.message_user(request, f"{len(done)} of {len(queryset)} are read again; the others were not paused.")

    @action(description=_("Test connection"), permissions=["sync"])
    def test_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Try each account and show what was found."""
        chosen = queryset.count()
        for connection in queryset[:TESTS_AT_ONCE]:
            report = try_connection(connection)
            level = messages.SUCCESS if report.success else messages.ERROR
            found = " ".join(f"{line.label}: {line.sentence}" for line in report.lines)
            self.message_user(request, f"{connection}: {report.message} {found}".strip(), level)
        if chosen > TESTS_AT_ONCE:
            self.message_user(
                request,
                f"Only the first {TESTS_AT_ONCE} of {chosen} were tested. Choose fewer at a time.",
                messages.WARNING,
            )


class PartOfConnectionAdmin(EvidenceAdmin):
    """Rows that belong to a connection and through it to an organization."""

    list_select_related = ("connection__organization",)

    @display(description=_("Organization"), ordering="connection__organization")
    def show_organization(self, part: Any) -> str:
        """Return whose it is."""
        return str(part.connection.organization)


@admin.register(Credential)
class CredentialAdmin(PartOfConnectionAdmin):
    """That there are tokens, and how old. The tokens themselves are not even read from the database here."""

    list_display = ("connection", "show_organization", "show_age", "show_expiry", "show_kind")
    list_filter = (organizations("connection__organization"), ProviderOfConnectionFilter)
    search_fields = ("connection__name", "connection__organization__name")
    date_hierarchy = "updated_at"
    fields = ("connection", "show_organization", "show_kind", "expires_at", "show_expiry", "updated_at", "show_age")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        """Return rows without their tokens."""
        rows: QuerySet[Credential] = super().get_queryset(request)
        renewable = ExpressionWrapper(Q(refresh_token__isnull=False), output_field=BooleanField())
        return rows.defer("access_token", "refresh_token").annotate(renewable=renewable)

    @display(description=_("Renewed"), ordering="updated_at")
    def show_age(self, credential: Credential) -> str | SafeString:
        """Return its age."""
        return ago(credential.updated_at)

    @display(description=_("Ends"), ordering="expires_at")
    def show_expiry(self, credential: Credential) -> str:
        """Return when the access token ends."""
        return f"{credential.expires_at:%d %b %Y, %H:%M} UTC" if credential.expires_at else str(_("has no end"))

    @badge(description=_("Kind"), colours={"consent": "success", "key": "info"})
    def show_kind(self, credential: Credential) -> tuple[str, str]:
        """Return whether it renews itself."""
        renewable = bool(credential.renewable)  # type: ignore[attr-defined]
        return ("consent", str(_("Consent, renews itself"))) if renewable else ("key", str(_("Fixed key")))


@admin.register(SyncRun)
class SyncRunAdmin(BigAdmin, PartOfConnectionAdmin):
    """Every attempt to read a stream."""

    list_display = (
        "id", "connection", "show_organization", "stream", "mode", "show_status", "started_at", "show_seconds",
        "read", "created", "changed", "quarantined", "retries",
    )  # fmt: skip
    list_filter = (
        organizations("connection__organization"),
        ProviderOfConnectionFilter,
        ("status", ChoicesDropdownFilter),
    )
    actions = ("pause", "cancel")
    fields = (
        "connection", "show_organization", "stream", "mode", "show_status", "sentence", "started_at",
        "heartbeat_at", "finished_at", "show_seconds", "pages", "expected", "read", "created", "changed",
        "unchanged", "quarantined", "calls", "retries", "waited_seconds", "show_findings",
    )  # fmt: skip
    readonly_fields = fields

    @badge(description=_("Status"), ordering="status", colours=RUN_COLOURS)
    def show_status(self, run: SyncRun) -> tuple[str, str]:
        """Return the status in words."""
        return run.status, run.get_status_display()

    @display(description=_("Seconds"))
    def show_seconds(self, run: SyncRun) -> str:
        """Return how long it took or has been taking."""
        return f"{((run.finished_at or run.heartbeat_at) - run.started_at).total_seconds():,.1f}"

    @display(description=_("What a sync would change"))
    def show_findings(self, run: SyncRun) -> str | SafeString:
        """Return what a preview found, folded."""
        return folded(run.findings) if run.findings else NOTHING

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may stop runs."""
        return bool(request.user.has_perm("integrations.change_connection"))

    @action(description=_("Pause"), permissions=["sync"])
    def pause(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> None:
        """Ask the running ones to stop after their page and to go on later."""
        self._ask(request, queryset, StopRequest.PAUSE)

    @action(description=_("Cancel"), permissions=["sync"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> None:
        """Ask the running ones to stop after their page; what they have not read is not gone on with."""
        self._ask(request, queryset, StopRequest.CANCEL)

    def _ask(self, request: HttpRequest, queryset: QuerySet[SyncRun], wish: StopRequest) -> None:
        asked = sum(request_stop(run=run, request=wish) for run in queryset)
        rest = queryset.count() - asked
        words = f"{asked} asked to stop after the page under way."
        self.message_user(request, f"{words} {rest} had ended already." if rest else words, messages.SUCCESS)


@admin.register(SyncCursor)
class SyncCursorAdmin(PartOfConnectionAdmin):
    """How far each stream has been read."""

    list_display = ("connection", "show_organization", "stream", "show_state", "complete_until", "updated_at")
    list_filter = (organizations("connection__organization"), ProviderOfConnectionFilter, "stream")
    search_fields = ("connection__name", "connection__organization__name")
    date_hierarchy = "updated_at"
    fields = (
        "connection", "stream", "show_state", "complete_until", "full_read_started_at", "window_since",
        "window_until", "show_position", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    @badge(description=_("State"), colours={"unfinished": "warning", "complete": "success", "never": "danger"})
    def show_state(self, cursor: SyncCursor) -> tuple[str, str]:
        """Return whether a read stands unfinished."""
        if cursor.position or cursor.full_read_started_at or cursor.window_until:
            return "unfinished", str(_("Goes on where it stopped"))
        if cursor.complete_until is None:
            return "never", str(_("Never read to the end"))
        return "complete", str(_("Read to the end"))

    @display(description=_("Place inside the unfinished read"))
    def show_position(self, cursor: SyncCursor) -> str | SafeString:
        """Return the position, folded."""
        return folded(cursor.position)


@admin.register(Quarantine)
class QuarantineAdmin(BigAdmin, PartOfConnectionAdmin):
    """Records that could not be read, with the reason and their bytes."""

    list_display = (
        "external_id", "stream", "connection", "show_organization", "show_state", "reason", "created_at",
    )  # fmt: skip
    list_filter = (
        organizations("connection__organization"),
        ProviderOfConnectionFilter,
        ("resolved_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("external_id__exact",)
    search_help_text = _("The record's id at the provider, whole.")
    fields = (
        "connection", "stream", "external_id", "show_state", "reason", "run", "created_at", "updated_at",
        "resolved_at", "show_payload",
    )  # fmt: skip
    readonly_fields = fields

    actions = ("try_again",)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may make connections work."""
        return bool(request.user.has_perm("integrations.change_connection"))

    @action(description=_("Try again"), permissions=["sync"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Quarantine]) -> None:
        """Read the open ones again; those that are well are resolved by that."""
        open_ones = list(queryset.filter(resolved_at=None).select_related("connection"))
        for record in open_ones:
            ring_records(record.connection, [record.external_id])
        self.message_user(request, f"{len(open_ones)} are read again now.", messages.SUCCESS)

    @badge(description=_("State"), ordering="resolved_at", colours={"open": "danger", "resolved": "success"})
    def show_state(self, record: Quarantine) -> tuple[str, str]:
        """Return whether it still waits."""
        return ("resolved", str(_("Read since"))) if record.resolved_at else ("open", str(_("Waits")))

    @display(description=_("As it was received"))
    def show_payload(self, record: Quarantine) -> str | SafeString:
        """Return the bytes, folded."""
        return folded(record.payload)


# Last, because it needs the filters above: Django finds no admin module but this one.
from integrations import admin_webhooks  # noqa: E402, F401
