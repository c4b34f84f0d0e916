"""A registered invoice whose source has changed since: what somebody has to decide about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager


class ProposalState(models.TextChoices):
    """Where a proposal stands."""

    OPEN = "open", _("To be decided")
    DONE = "done", _("A note was made")
    DISMISSED = "dismissed", _("Dismissed")
    GONE = "gone", _("The source agrees again")


class Proposal(models.Model):
    """A credit or debit that a changed source asks for. `difference` is what the invoice should come to less what it
    does after its notes, in its currency; null when the changed source cannot be added up."""

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="proposals")
    state = models.CharField(max_length=10, choices=ProposalState.choices, default=ProposalState.OPEN)
    why = models.TextField()
    difference = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    note = models.ForeignKey(
        "invoices.Invoice", on_delete=models.PROTECT, null=True, blank=True, related_name="answers"
    )
    decision = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="invoice__organization")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["invoice"], condition=Q(state="open"), name="one_open_proposal_an_invoice"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "gone"]) | Q(decided_at__isnull=False), name="a_decision_has_a_time"
            ),
        ]
        indexes = [models.Index(fields=["state", "id"], name="proposal_in_state")]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.why}"
