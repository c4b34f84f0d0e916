"""How far a connection's sync and its invoices are: one set of facts for the page, the fragment and the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.models import Deal
from crm.services import due_count
from integrations.base.registry import providers_of
from integrations.models import Connection, Quarantine, RunStatus, SyncRun
from integrations.models.sync import PREVIEW
from invoices.models import Invoice, Status
from invoices.reasons import HeldReason, held_reasons

# A page is committed every few seconds; a run without one for so long has most likely lost its worker.
SILENT_AFTER = timedelta(minutes=5)
# A bell that is heard starts a sync within a second or two.
WAITS_LONG_AFTER = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a connection stands. `status` is none, waiting, or a run's; `expected` how many deals to reckon with."""

    connection: Connection
    status: str
    sentence: str
    run: SyncRun | None
    expected: int | None
    invoices: dict[str, int]
    held: list[HeldReason]
    due_deals: int
    quarantined: int
    is_submitting: bool

    @property
    def makes_invoices(self) -> bool:
        """Tell whether what is read becomes invoices; payments only pay them."""
        return self.connection.provider not in providers_of("pos", stream="payments")

    @property
    def is_reading(self) -> bool:
        """Tell whether deals are being read or about to be."""
        return self.status in {"waiting", RunStatus.RUNNING}

    @property
    def is_busy(self) -> bool:
        """Tell whether the figures will change by themselves within seconds."""
        return self.is_reading or bool(self.due_deals) or self.is_submitting

    @property
    def read(self) -> int:
        """Return how many records the latest run has read."""
        return self.run.read if self.run and self.status != "waiting" else 0

    @property
    def rate(self) -> int | None:
        """Return the deals a second of the latest run, None before there is one to tell."""
        if self.run is None or not self.read:
            return None
        seconds = ((self.run.finished_at or self.run.heartbeat_at) - self.run.started_at).total_seconds()
        return round(self.run.read / seconds) if seconds > 0 else None

    @property
    def seconds_left(self) -> int | None:
        """Return an estimate of what is left to read, None where the number of deals is not known."""
        if self.status != RunStatus.RUNNING or not self.rate or not self.expected or self.expected <= self.read:
            return None
        return round((self.expected - self.read) / self.rate)

    @property
    def made(self) -> int:
        """Return how many invoices and drafts there are."""
        return sum(self.invoices.values())

    @property
    def numbered(self) -> int:
        """Return how many invoices have a number."""
        return self.made - self.invoices[Status.DRAFT]

    def as_json(self) -> dict[str, Any]:
        """Return the facts for programs."""
        return {
            "status": self.status,
            "sentence": self.sentence,
            "read": self.read,
            "run": self.run.pk if self.run else None,
            "invoices": self.invoices,
            "held": [{"reason": reason.label, "count": reason.count} for reason in self.held],
            "due_deals": self.due_deals,
            "quarantined": self.quarantined,
        }


def progress_of(connection: Connection) -> Progress:
    """Return how far a connection is, in a handful of short questions to the database."""
    # The run first: what a run that ended has made is then surely in the counts that follow.
    # A preview that is over is no progress: the last sync is.
    run = connection.runs.exclude(mode=PREVIEW, finished_at__isnull=False).order_by("-pk").first()
    status = _status(connection, run)
    invoices = Invoice.objects.filter(connection=connection)
    return Progress(
        connection=connection,
        status=status,
        sentence=_sentence(connection, status, run),
        run=run,
        expected=_expected(connection, run) if status == RunStatus.RUNNING else None,
        due_deals=due_count(connection=connection),
        invoices=invoices.counts_by_status(),
        held=held_reasons(invoices.open_drafts()),
        quarantined=Quarantine.objects.filter(connection=connection, resolved_at=None).count(),
        is_submitting=invoices.filter(status=Status.SUBMITTING).exists() or invoices.due(timezone.now()).exists(),
    )


def _status(connection: Connection, run: SyncRun | None) -> str:
    if run is not None and run.status == RunStatus.RUNNING:
        return str(run.status)
    if connection.sync_requested_at is not None and connection.is_active:
        return "waiting"
    return str(run.status) if run is not None else "none"


def _expected(connection: Connection, run: SyncRun | None) -> int | None:
    """Return how many deals there are to read, by the provider's count or else by what is stored; None if unknown."""
    if run is None or run.expected is not None:
        return run.expected if run else None
    if run.mode != "full" or not connection.cursors.filter(complete_until__isnull=False).exists():
        return None
    return Deal.objects.filter(connection=connection).count() or None


def _sentence(connection: Connection, status: str, run: SyncRun | None) -> str:
    if status == "waiting":
        return _waiting_sentence(connection)
    if run is None:
        return _("No sync has run yet.")
    if status != RunStatus.RUNNING:
        return run.sentence
    if timezone.now() - run.heartbeat_at > SILENT_AFTER:
        return _("This run has been silent for over five minutes. Start a sync: it goes on from the last stored page.")
    if not run.read:
        return _("Asking %(name)s for its first deals.") % {"name": connection}
    words = ngettext("%(number)s deal is read and stored.", "%(number)s deals are read and stored.", run.read)
    return words % {"number": f"{run.read:,}"}


def _waiting_sentence(connection: Connection) -> str:
    asked = connection.sync_requested_at
    if asked is not None and timezone.now() - asked > WAITS_LONG_AFTER:
        return _(
            "A sync is asked for and no worker has taken it yet. The wish is stored: it starts when the queue is back."
        )
    return _("A sync is asked for and starts in a moment.")
