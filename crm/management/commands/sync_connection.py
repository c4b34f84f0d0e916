"""Runs one sync in the foreground and invoices what is due, with progress and counts."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope, scopes_disabled

from crm.services import due_count, invoice_due_deals, sync_deals
from integrations.base.errors import IntegrationError
from integrations.base.registry import connector_classes
from integrations.models import Connection, RunStatus, SyncRun
from integrations.services.syncs import SyncNotPossible, connection_for_sync
from invoices.models import Status
from invoices.reasons import generic_label
from invoices.services.issuing import Issued

PARTIAL, NOT_STARTED, STOPPED = 1, 2, 130  # exit codes; 130 is what a shell shows for Ctrl-C
LINE_EVERY = 2.0  # seconds between progress lines where they cannot be rewritten
LONGEST_WINDOW = 3650
LINE_NUMBER = re.compile(r"^lines[.][0-9]+[.]")
COUNTS = ("read", "created", "changed", "unchanged", "quarantined", "calls", "retries")


class Command(BaseCommand):
    """`manage.py sync_connection ID [--full] [--days-back N]`.

    Exit code 0 for a run that read everything, 1 for a partial one, 2 for one that could not start.
    """

    help = "Read one connection's deals now, invoice the won ones, and print the counts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the connection and how much to read."""
        parser.add_argument("connection_id", metavar="ID", type=int)
        parser.add_argument("--full", action="store_true", help="read everything, not only what changed")
        parser.add_argument(
            "--days-back",
            metavar="N",
            type=int,
            default=30,
            help=f"read what changed in the last N days, 1 to {LONGEST_WINDOW} (default 30), and always what changed "
            "since the last complete read",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync and invoice; raises CommandError with a sentence and an exit code."""
        days_back = options["days_back"]
        if not 1 <= days_back <= LONGEST_WINDOW:
            raise CommandError(
                f"--days-back must be between 1 and {LONGEST_WINDOW}; {days_back} was given.", returncode=NOT_STARTED
            )
        connection = _connection(options["connection_id"])
        with scope(organization=connection.organization):
            try:
                run = self._sync(connection, full=options["full"], days_back=days_back)
                self._invoice(connection)
            except KeyboardInterrupt:
                raise CommandError(
                    "Stopped by hand. What was read and invoiced until now is stored; the next run goes on from there.",
                    returncode=STOPPED,
                ) from None
        if run.status != RunStatus.SUCCEEDED:
            raise CommandError(f"The sync is partial. {run.sentence}", returncode=PARTIAL)

    def _sync(self, connection: Connection, *, full: bool, days_back: int) -> SyncRun:
        started = time.monotonic()
        try:
            run = sync_deals(connection=connection, full=full, days_back=days_back, on_page=self._progress(started))
        except SyncNotPossible as refusal:
            raise CommandError(str(refusal), returncode=NOT_STARTED) from refusal
        except IntegrationError as problem:
            raise CommandError(problem.sentence, returncode=NOT_STARTED) from problem
        seconds = time.monotonic() - started
        self._rewrite("")
        counts = {name: getattr(run, name) for name in COUNTS}
        shown = " · ".join(f"{name} {number:,}" for name, number in counts.items())
        rate = run.read / seconds if seconds else 0
        self.stdout.write(f"{connection}: {run.get_status_display().lower()} ({run.mode})")
        self.stdout.write(f"  {shown} · seconds {seconds:.2f} · deals/s {rate:,.0f}")
        return run

    def _invoice(self, connection: Connection) -> None:
        due = due_count(connection=connection)
        self._rewrite(f"Invoicing {due:,} due deals …")
        started = time.monotonic()
        issued = invoice_due_deals(connection=connection)
        self._rewrite("")
        statuses = Counter(each.status for each in issued)
        held = statuses.pop(Status.DRAFT, 0)
        parts = [f"{status} {number:,}" for status, number in sorted(statuses.items())] or ["ready 0"]
        seconds = time.monotonic() - started
        self.stdout.write(f"  invoices: {' · '.join(parts)} · held {held:,} · seconds {seconds:.2f}")
        for reason, number in reasons(issued):
            self.stdout.write(f"    held by {number:,}: {reason}")

    def _progress(self, started: float) -> Callable[[SyncRun], None]:
        last = started

        def after_page(run: SyncRun) -> None:
            nonlocal last
            now = time.monotonic()
            line = f"{run.read:,} deals read in {now - started:.0f} s, {run.quarantined:,} not readable"
            if self.stdout.isatty():
                self._rewrite(line)
            elif now - last >= LINE_EVERY:
                last = now
                self.stdout.write(line)
                self.stdout.flush()

        return after_page

    def _rewrite(self, line: str) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{line}", ending="")
            self.stdout.flush()


def _connection(connection_id: int) -> Connection:
    try:
        with scopes_disabled():
            connection = connection_for_sync(connection_id)
    except SyncNotPossible as refusal:
        raise CommandError(str(refusal), returncode=NOT_STARTED) from refusal
    connector = connector_classes().get(connection.provider)
    if connector is None or connector.info.category != "crm":
        raise CommandError(
            f"{connection} is an account at {connection.provider}, which has no deals to read.", returncode=NOT_STARTED
        )
    return connection


def reasons(issued: list[Issued]) -> list[tuple[str, int]]:
    """Return what holds drafts back and how many each holds, the most frequent first; all lines count as one."""
    counted: Counter[str] = Counter()
    for each in issued:
        if each.status == Status.DRAFT:
            counted.update(
                {generic_label(LINE_NUMBER.sub("lines.*.", fact.field), fact.label) for fact in each.missing}
            )
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
