"""What is still to be done with the authority about a signed invoice: one row an invoice and purpose."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager


class Purpose(models.TextChoices):
    """What is wanted of the authority."""

    TRANSMIT = "transmit", _("Pass on to the buyer")
    PAYMENT = "payment", _("Payment status")
    VAT = "vat", _("VAT report")
    COMPARE = "compare", _("Compare with the authority's copy")


class Stage(models.TextChoices):
    """Where it stands."""

    WAITING = "waiting", _("Waiting")
    WORKING = "working", _("Under way")
    HANDED_ON = "handed_on", _("Handed on, waiting for the buyer")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    HELD = "held", _("Held for a person")
    DISMISSED = "dismissed", _("Dismissed")


DUE_STAGES = (Stage.WAITING, Stage.HANDED_ON)
# A person may ask again from here.
SETTLED = (Stage.DONE, Stage.REFUSED, Stage.DISMISSED)


class ExchangeQuerySet(models.QuerySet["Exchange"]):
    """Reads that have a name."""

    def due(self, now: datetime) -> models.QuerySet[Exchange]:
        """Return what should be worked at now, the longest waiting first."""
        return self.filter(
            stage__in=DUE_STAGES, next_attempt_at__lte=now, invoice__business__submissions_paused_reason=""
        ).order_by("next_attempt_at", "pk")

    def abandoned(self) -> models.QuerySet[Exchange]:
        """Return what a worker was at when it died or was cut off, by the database's clock."""
        return self.filter(stage=Stage.WORKING, lease_until__lt=Now())


class Exchange(models.Model):
    """One purpose of one signed invoice.

    `wanted` is the payment status to be set. `is_sent`: a call was made whose outcome is not known, so the authority
    is asked before anything is sent again; where it cannot be asked (VAT), the row is HELD for a person. `result` has
    {differences: [{path, ours, theirs}], sha256} of a comparison.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="exchanges", db_index=False)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.WAITING)
    wanted = models.CharField(max_length=20, blank=True)
    is_sent = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    setbacks = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text=_("What is wrong and what to do, for people."))
    result = models.JSONField(default=dict, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decision = models.TextField(blank=True, help_text=_("What a person decided about it, and when."))
    done_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(
        _manager_class=models.Manager.from_queryset(ExchangeQuerySet), organization="invoice__organization"
    )

    class Meta:
        verbose_name = _("exchange with the authority")
        verbose_name_plural = _("exchanges with the authority")
        constraints = [
            models.UniqueConstraint(fields=["invoice", "purpose"], name="one_exchange_per_purpose"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="exchange_purpose_known"),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="exchange_stage_known"),
            models.CheckConstraint(
                condition=~Q(stage__in=DUE_STAGES) | Q(next_attempt_at__isnull=False), name="exchange_due_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(stage=Stage.WORKING) | Q(lease_until__isnull=False), name="exchange_at_work_has_a_lease"
            ),
            models.CheckConstraint(
                condition=~Q(purpose=Purpose.PAYMENT) | ~Q(wanted=""), name="a_payment_wants_a_status"
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at", "id"], condition=Q(stage__in=DUE_STAGES), name="exchange_due"),
            models.Index(fields=["lease_until"], condition=Q(stage=Stage.WORKING), name="exchange_leased"),
            models.Index(fields=["purpose", "id"], name="exchange_by_purpose"),
            models.Index(fields=["stage", "id"], condition=~Q(stage=Stage.DONE), name="exchange_in_stage"),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} · {self.get_stage_display()}"

    @property
    def differences(self) -> list[dict[str, str]]:
        """Return what differs from the authority's copy."""
        found: list[dict[str, str]] = self.result.get("differences", [])
        return found


class ExchangeCall(models.Model):
    """One call, kept as evidence. A call without `finished_at` was under way when its worker died.

    In PostgreSQL the table is partitioned by the month of `started_at`, which is part of its primary key there.
    """

    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="calls", db_index=False)
    attempt = models.PositiveIntegerField()
    step = models.CharField(max_length=20)
    request = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=30, blank=True)
    sentence = models.TextField(blank=True)
    response = models.TextField(blank=True, help_text=_("The authority's answer, cut to 16 kB."))

    objects = ScopedManager(organization="exchange__invoice__organization")

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["exchange"], name="call_of_exchange")]

    def __str__(self) -> str:
        return f"{self.step} · attempt {self.attempt}"


class AuthorityNotice(models.Model):
    """What the authority's webhook said, once each. It is unsigned, so it is a hint to ask and never a fact.

    It belongs to no organization until its IRN is looked up: `irn` may be of an invoice that is not ours.
    """

    irn = models.CharField(_("IRN"), max_length=50)
    message = models.CharField(max_length=40)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("notice of the authority")
        verbose_name_plural = _("notices of the authority")
        constraints = [models.UniqueConstraint(fields=["irn", "message"], name="one_notice_per_message")]

    def __str__(self) -> str:
        return f"{self.irn} {self.message}"
