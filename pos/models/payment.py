"""Payments that terminals took, and the invoice that each of them pays."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Invoice


class PaymentState(models.TextChoices):
    """What has become of a payment."""

    PENDING = "pending", _("Not paid yet")
    SUCCEEDED = "succeeded", _("Paid")
    FAILED = "failed", _("Failed")
    REVERSED = "reversed", _("Given back")


class MatchedBy(models.TextChoices):
    """Why a payment is taken to pay an invoice."""

    REFERENCE = "reference", _("It names the invoice")
    AMOUNT = "amount", _("The only unpaid invoice of this amount")
    PERSON = "person", _("Chosen by a person")


class PaymentQuerySet(models.QuerySet["TerminalPayment"]):
    """Reads that have a name."""

    def unmatched(self) -> PaymentQuerySet:
        """Return what is paid, pays no invoice, and nobody has decided about."""
        return self.filter(state=PaymentState.SUCCEEDED, invoice=None, is_decided=False)

    def matched(self) -> PaymentQuerySet:
        """Return what pays an invoice."""
        return self.filter(invoice__isnull=False)

    def needing_somebody(self) -> PaymentQuerySet:
        """Return what no rule could match, and what is not in order any more."""
        return self.filter(Q(state=PaymentState.SUCCEEDED, invoice=None, is_decided=False) | ~Q(problem=""))


class TerminalPayment(models.Model):
    """A payment without a sale. It becomes no invoice; it pays one, in full or in part, or none.

    `named` is what it says of its invoice. `is_decided`: a person has matched it, let it go or set it aside, and no
    rule changes that. `problem` says, for people, what is not in order; `why_not` why no rule has matched it yet.
    `history` lists {at, by, what}, the newest last.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="payments", db_index=False)
    external_id = models.CharField(max_length=100)
    reference = models.CharField(max_length=200, blank=True)
    terminal_id = models.CharField(max_length=200, blank=True)
    named = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=PaymentState.choices)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=2)
    refunded_amount = models.DecimalField(max_digits=20, decimal_places=2, default=Decimal(0))
    made_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(help_text=_("When the read began that it is stored from."))

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="payments")
    matched_by = models.CharField(max_length=20, choices=MatchedBy.choices, blank=True)
    match_reason = models.TextField(blank=True)
    matched_at = models.DateTimeField(null=True, blank=True)
    is_decided = models.BooleanField(default=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_kept = models.BooleanField(
        default=False, help_text=_("A person keeps the match although its invoice was credited or voided since.")
    )
    why_not = models.TextField(blank=True)
    problem = models.TextField(blank=True)
    history = models.JSONField(default=list, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(PaymentQuerySet), organization="organization")

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="one_payment_per_id"),
            models.CheckConstraint(condition=Q(state__in=PaymentState.values), name="payment_state_known"),
            models.CheckConstraint(
                condition=Q(amount__gte=0, refunded_amount__gte=0, refunded_amount__lte=F("amount")),
                name="payment_amounts_in_order",
            ),
            models.CheckConstraint(
                condition=~Q(state=PaymentState.SUCCEEDED) | Q(paid_at__isnull=False), name="a_paid_payment_says_when"
            ),
            models.CheckConstraint(
                condition=Q(invoice__isnull=True, matched_by="", match_reason="", matched_at__isnull=True)
                | (
                    Q(invoice__isnull=False, matched_by__in=MatchedBy.values, matched_at__isnull=False)
                    & Q(state=PaymentState.SUCCEEDED)
                    & ~Q(match_reason="")
                ),
                name="a_match_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-made_at", "-id"], name="payment_list"),
            models.Index(fields=["-made_at", "-id"], name="payment_newest"),
            models.Index(fields=["reference"], name="payment_by_reference"),
            models.Index(fields=["external_id"], name="payment_by_external_id"),
            models.Index(
                fields=["organization", "-made_at", "-id"],
                condition=Q(state="succeeded", invoice=None, is_decided=False) | ~Q(problem=""),
                name="payment_needs_somebody",
            ),
            models.Index(
                fields=["organization", "currency", "amount"],
                condition=Q(state="succeeded", invoice=None, is_decided=False),
                name="payment_unmatched",
            ),
        ]

    def __str__(self) -> str:
        return self.reference or self.external_id

    @property
    def moves(self) -> list[dict[str, Any]]:
        """Return the history with its instants, the newest last."""
        return [{**entry, "at": datetime.fromisoformat(entry["at"])} for entry in self.history]

    @property
    def net_amount(self) -> Decimal:
        """Return what of it was not given back."""
        return self.amount - self.refunded_amount
