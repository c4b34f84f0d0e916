"""Where an invoice can stand, and from where it can go where. The database refuses every other move."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where an invoice stands."""

    DRAFT = "draft", _("Held: facts are missing")
    READY = "ready", _("Ready to submit")
    APPROVED = "approved", _("Approved, ready to submit")
    SUBMITTING = "submitting", _("Being submitted")
    SIGNED = "signed", _("Signed by the authority")
    TRANSMITTED = "transmitted", _("Signed, and handed to the buyer's access point")
    DELIVERED = "delivered", _("Signed, and received by the buyer")
    REJECTED = "rejected", _("Rejected by the authority")
    UNKNOWN = "unknown", _("Outcome not known yet")
    CONFIG_ERROR = "config_error", _("Stopped: the authority refuses the keys")
    CREDITED = "credited", _("Signed, and credited in full")
    VOIDED = "voided", _("Voided before the authority had it")


# Whoever submits picks from these when their time has come; SUBMITTING comes back by its lease.
WAITING = (Status.READY, Status.APPROVED, Status.UNKNOWN)
# The authority holds these: their facts never change again.
REGISTERED = (Status.SIGNED, Status.TRANSMITTED, Status.DELIVERED, Status.CREDITED)
# Nothing moves these but somebody who gives a fact or decides.
STUCK = (Status.DRAFT, Status.REJECTED, Status.CONFIG_ERROR)
# Numbered and certainly not at the authority: the document may still be made anew under its number.
REMAKEABLE = (Status.READY, Status.APPROVED, Status.REJECTED, Status.CONFIG_ERROR)
# Not registered and not given up: a deadline still runs.
OPEN = (Status.DRAFT, *WAITING, Status.SUBMITTING, Status.REJECTED, Status.CONFIG_ERROR)

# A signature is a fact whenever it becomes known, so it may come late, from a worker that lost its lease. The database
# wants a hand-in on record for it.
MOVES: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.READY}),
    Status.READY: frozenset({Status.APPROVED, Status.SUBMITTING, Status.VOIDED, Status.SIGNED}),
    Status.APPROVED: frozenset({Status.READY, Status.SUBMITTING, Status.VOIDED, Status.SIGNED}),
    Status.SUBMITTING: frozenset(
        {Status.READY, Status.APPROVED, Status.SIGNED, Status.REJECTED, Status.UNKNOWN, Status.CONFIG_ERROR}
    ),
    Status.UNKNOWN: frozenset({Status.SUBMITTING, Status.SIGNED}),
    Status.REJECTED: frozenset({Status.READY, Status.VOIDED, Status.SIGNED}),
    Status.CONFIG_ERROR: frozenset({Status.READY, Status.APPROVED, Status.VOIDED, Status.SIGNED}),
    Status.SIGNED: frozenset({Status.TRANSMITTED, Status.DELIVERED, Status.CREDITED}),
    Status.TRANSMITTED: frozenset({Status.DELIVERED, Status.CREDITED}),
    Status.DELIVERED: frozenset({Status.CREDITED}),
    Status.CREDITED: frozenset(),
    # Only one that was voided because its source took it back: the same source may ask for it again.
    Status.VOIDED: frozenset({Status.READY, Status.SIGNED}),
}
