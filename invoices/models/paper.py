"""What is kept of an invoice's paper: the drawn QR, and the e-mail that took the PDF to the buyer."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager


class QrPicture(models.Model):
    """The QR of one invoice as it was first drawn, so that a reprint shows the same picture whatever draws it then.

    `payload_sha256` says of which payload: a rejected document that is made anew gets another one.
    """

    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.CASCADE, related_name="qr_picture")
    payload_sha256 = models.CharField(max_length=64)
    svg = models.TextField()
    drawn_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="invoice__organization")

    def __str__(self) -> str:
        return self.payload_sha256


class Post(models.TextChoices):
    """Where an e-mail stands."""

    WAITING = "waiting", _("Waiting to be sent")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    NO_ADDRESS = "no_address", _("The invoice names no address that can be used")
    FAILED = "failed", _("Given up")


class PaperSentQuerySet(models.QuerySet["PaperSent"]):
    """Reads that have a name."""

    def due(self, now: datetime) -> models.QuerySet[PaperSent]:
        """Return what should be sent now, the longest waiting first; what a dead worker was at is due again."""
        waiting = Q(outcome=Post.WAITING, next_attempt_at__lte=now)
        return self.filter(waiting | Q(outcome=Post.SENDING, lease_until__lt=Now())).order_by("next_attempt_at", "pk")


class PaperSent(models.Model):
    """The one e-mail of an invoice to its buyer. `by` is who asked for it; nobody: it went by itself.

    A worker that dies while sending leaves open whether it left: it is sent again under the same Message-ID.
    """

    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.PROTECT, related_name="paper_sent")
    to = models.EmailField(blank=True)
    outcome = models.CharField(max_length=12, choices=Post.choices, default=Post.WAITING)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    problem = models.TextField(blank=True, help_text=_("What is wrong and what to do, for people."))
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(
        _manager_class=models.Manager.from_queryset(PaperSentQuerySet), organization="invoice__organization"
    )

    class Meta:
        verbose_name = _("e-mail to the buyer")
        verbose_name_plural = _("e-mails to buyers")
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=Post.values), name="post_outcome_known"),
            models.CheckConstraint(
                condition=Q(outcome=Post.SENT, sent_at__isnull=False)
                | (~Q(outcome=Post.SENT) & Q(sent_at__isnull=True)),
                name="sent_means_sent_at",
            ),
            models.CheckConstraint(
                condition=~Q(outcome=Post.WAITING) | Q(next_attempt_at__isnull=False), name="post_waiting_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(outcome=Post.SENDING) | Q(lease_until__isnull=False), name="post_sending_has_a_lease"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(outcome__in=(Post.WAITING, Post.SENDING)),
                name="post_due",
            ),
            models.Index(fields=["outcome", "id"], condition=~Q(outcome=Post.SENT), name="post_not_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.to or '–'} · {self.get_outcome_display()}"
