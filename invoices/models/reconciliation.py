"""Runs of the reconciliation, and the differences that they found: each with a cause, an owner and a state."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.searching import search_index, searched
from invoices.reconciling import Cause

CAUSES = {
    Cause.HELD: _("Held: a fact is missing"),
    Cause.WAITING: _("On its way to the authority"),
    Cause.UNKNOWN: _("The authority's answer is not known yet"),
    Cause.REJECTED: _("Rejected by the authority"),
    Cause.KEYS: _("The authority refused the keys"),
    Cause.VOIDED: _("Voided, and nothing took its place"),
    Cause.NOT_INVOICED: _("Not invoiced"),
    Cause.NOT_DUE: _("Invoiced, and not asked for any more"),
    Cause.CHANGED: _("The source has changed since"),
    Cause.NOT_ASKED: _("Signed, and not confirmed by the authority's list yet"),
    Cause.ABSENT: _("Signed here, and the authority does not list it"),
    Cause.DIFFERS: _("The authority holds another amount"),
    Cause.STRANGER: _("The authority lists it, and it is unknown here"),
    Cause.DUPLICATE: _("Invoiced more than once"),
    Cause.UNREADABLE: _("Could not be read or converted"),
    Cause.NUMBER_GAP: _("A number without an invoice, or with several"),
}
# These settle by themselves in the ordinary course of things; nobody has to look at them at once.
IN_ORDER = (Cause.WAITING, Cause.UNKNOWN, Cause.NOT_ASKED)

DIFFERENCE_SEARCHED = searched("label", "subject")
FIRST_DAY = date.min  # of a run that looks at everything


class RunState(models.TextChoices):
    """How a run ended."""

    RUNNING = "running", _("Running")
    COMPLETE = "complete", _("Complete")
    PARTIAL = "partial", _("Partial")


class Reconciliation(models.Model):
    """One run, from FIRST_DAY on where it was whole.

    `figures` has {currency: {asked, acknowledged, causes: {cause: [count, amount]}}}, amounts as text; `numbers` the
    report on each series. Of `registered` invoices, the authority's copies of `compared` were looked into.
    """

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="reconciliations", db_index=False
    )
    since = models.DateField()
    until = models.DateField()
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    problem = models.TextField(blank=True)
    figures = models.JSONField(default=dict)
    numbers = models.JSONField(default=list)
    sources = models.PositiveIntegerField(default=0)
    registered = models.PositiveIntegerField(default=0)
    compared = models.PositiveIntegerField(default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(since__lte=models.F("until")), name="reconciled_days_in_order")
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="reconciliation_newest"),
            models.Index(fields=["state", "id"], condition=~Q(state=RunState.COMPLETE), name="reconciliation_odd"),
        ]

    def __str__(self) -> str:
        return f"until {self.until}" if self.is_whole else f"{self.since} – {self.until}"

    @property
    def is_whole(self) -> bool:
        """Tell whether every deal was looked at, however long ago it closed."""
        return self.since <= FIRST_DAY


class DifferenceState(models.TextChoices):
    """What people made of a difference."""

    OPEN = "open", _("Open")
    EXPLAINED = "explained", _("Explained")
    SETTLED = "settled", _("Settled")


class Difference(models.Model):
    """An amount that is not on both sides. It settles by itself when a run finds it gone; an explained one stays so
    while its amount is the same. Without an owner it is the organization's owners'."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="differences")
    subject = models.CharField(max_length=200, help_text=_("What it is about: the source or the IRN."))
    cause = models.CharField(max_length=20, choices=[(cause.value, words) for cause, words in CAUSES.items()])
    invoice = models.ForeignKey(
        "invoices.Invoice", on_delete=models.CASCADE, null=True, blank=True, related_name="differences"
    )
    label = models.TextField(blank=True)
    currency = models.CharField(max_length=10, blank=True)
    amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    day = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=DifferenceState.choices, default=DifferenceState.OPEN)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    deadline = models.DateField(help_text=_("By when somebody should have looked."))
    note = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    found_in = models.ForeignKey(
        Reconciliation, on_delete=models.CASCADE, related_name="differences", help_text=_("The run that saw it last.")
    )
    first_seen_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["state", "deadline", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "subject", "cause"], name="one_difference_per_cause"),
            models.CheckConstraint(
                condition=Q(state=DifferenceState.SETTLED, settled_at__isnull=False)
                | (~Q(state=DifferenceState.SETTLED) & Q(settled_at=None)),
                name="settled_means_when",
            ),
            models.CheckConstraint(
                condition=~Q(state=DifferenceState.EXPLAINED) | ~Q(note=""), name="explained_means_how"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "state", "deadline", "id"], name="difference_list"),
            models.Index(fields=["organization", "state", "cause", "deadline", "id"], name="difference_by_cause"),
            models.Index(fields=["state", "id"], name="difference_in_state"),
            search_index(DIFFERENCE_SEARCHED, "difference_searched"),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.subject}: {self.get_cause_display()}"
