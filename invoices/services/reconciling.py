"""Reconciles sources, invoices and the authority's list for one organization, and keeps the differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Min
from django.utils import timezone
from django.utils.module_loading import import_string
from django_scopes import scope, scopes_disabled

from accounts.models import Organization, User
from integrations.models import Connection
from integrations.services.leases import leased
from invoices.irn import in_lagos
from invoices.models import REGISTERED, Business, Invoice
from invoices.models.reconciliation import FIRST_DAY, Difference, DifferenceState, Reconciliation, RunState
from invoices.notes import CREDIT
from invoices.reconciling import ZERO, Cause, Compared, Paper, Source, compare
from invoices.services.authority_books import Books, amounts_there, ask_for_copies, books_open
from invoices.services.differences import keep, settle_gone, tell_owners
from invoices.services.numbering import SeriesReport, number_report

logger = structlog.get_logger(__name__)

DAYS = 62  # two months of deals and of the authority's list, every night
WHOLE_EVERY = timedelta(days=7)  # and all deals once a week
QUICK = timedelta(minutes=1)  # or every night, where that takes less
DAYS_TO_LOOK = timedelta(days=3)
RECONCILIATION = "reconciliation"  # leased, with the organization's number
MOST_DAYS = 400  # of the authority's list in one run; a question each
DIED = "It was stopped before its end. Nothing is wrong with the books: the next run looks at everything again."


class AlreadyRunning(Exception):
    """Another run of this organization is under way."""


@dataclass(slots=True)
class _Figures:
    asked: Decimal = ZERO
    acknowledged: Decimal = ZERO
    causes: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(lambda: [0, ZERO]))

    def add(self, cause: Cause, amount: Decimal) -> None:
        """Count one difference."""
        self.causes[cause][0] += 1
        self.causes[cause][1] += amount

    @property
    def adds_up(self) -> bool:
        """Tell whether the identity holds for the whole currency."""
        return self.asked == self.acknowledged + sum((amount for _, amount in self.causes.values()), ZERO)


def reconcile(
    *, organization: Organization, since: date | None = None, until: date | None = None, by: User | None = None
) -> Reconciliation:
    """Compare everything that closed in a window of days, keep what differs, and return the run.

    Without days: everything, where that is quick; else everything once a week, and in between the last two months, or
    longer back where a difference is not settled. Raises AlreadyRunning. An authority that cannot be asked makes the
    run partial.
    """
    # Without an end, a deal that is won and closes on a day to come is one too.
    last_day = until or date.max
    until = until or in_lagos(timezone.now()).date()
    with scope(organization=organization), _only_run(organization):
        # Who has the lock is the only one at work, so what says that it runs has died.
        Reconciliation.objects.filter(state=RunState.RUNNING).update(
            state=RunState.PARTIAL, problem=DIED, finished_at=timezone.now()
        )
        since = since or _since(until)
        run = Reconciliation.objects.create(organization=organization, since=since, until=until, by=by)
        try:
            with books_open(Business.objects.filter(organization=organization).first()) as books:
                _Run(run, books, last_day).work()
        except BaseException:
            run.state, run.finished_at = RunState.PARTIAL, timezone.now()
            run.problem = "An error of ours stopped it. Start it again, and tell support if it stops again."
            run.save()
            raise
    return run


def _since(until: date) -> date:
    last = Reconciliation.objects.filter(state=RunState.COMPLETE, since=FIRST_DAY).first()
    if last is None or last.finished_at is None or last.finished_at - last.started_at < QUICK:
        return FIRST_DAY
    if timezone.now() - last.started_at >= WHOLE_EVERY:
        return FIRST_DAY
    unsettled = Difference.objects.exclude(state=DifferenceState.SETTLED).order_by()
    oldest: date | None = unsettled.aggregate(day=Min("day"))["day"]
    usual = until - timedelta(days=DAYS)
    return min(usual, oldest) if oldest else usual


class _Run:
    """One run: every source by chunks, what the authority has beside them, the numbers, then what has settled."""

    def __init__(self, run: Reconciliation, books: Books, last_day: date) -> None:
        self.run, self.organization, self.books, self.last_day = run, run.organization, books, last_day
        self.figures: dict[str, _Figures] = defaultdict(_Figures)
        self.subjects: set[str] = set()
        self.deadline = in_lagos(timezone.now()).date() + DAYS_TO_LOOK

    def work(self) -> None:
        """Compare, keep and finish."""
        for chunk in self._sources():
            self._compare(chunk)
        self._strangers()
        self._numbers()
        asked_days = {day for day, listed in self.books.days.items() if listed is not None}
        is_all = self.run.is_whole and self.last_day == date.max
        settle_gone(run=self.run, subjects=None if is_all else self.subjects, days=asked_days)
        self._finish()

    def _sources(self) -> Iterator[Sequence[Source]]:
        for path in settings.RECONCILED_SOURCES:
            for connection in Connection.objects.order_by("pk"):
                yield from import_string(path)(connection=connection, since=self.run.since, until=self.last_day)

    def _compare(self, chunk: Sequence[Source]) -> None:
        papers = self._papers(chunk)
        rows: list[Difference] = []
        for source in chunk:
            compared = compare(source, papers.get(_key(source), ()))
            if not compared.adds_up:
                raise AssertionError(f"{source.kind} {source.external_id} does not add up.")
            self._count(source, compared)
            rows += self._rows(source, compared)
        keep(rows)

    def _papers(self, chunk: Sequence[Source]) -> dict[tuple[int, str, str], list[Paper]]:
        owners = {
            (source.connection_id, source.kind, name): _key(source)
            for source in chunk
            for name in (*source.former_ids, source.external_id)
        }
        mine = Invoice.objects.filter(
            connection__in={connection_id for connection_id, _, _ in owners},
            source_kind__in={kind for _, kind, _ in owners},
            source_external_id__in={name for _, _, name in owners},
            original=None,
        )
        own = list(_columns(mine))
        notes = list(_columns(Invoice.objects.filter(original__in=[row["pk"] for row in own])))
        theirs = amounts_there([row["pk"] for row in (*own, *notes)])
        keys = {
            row["pk"]: owners.get((row["connection_id"], row["source_kind"], row["source_external_id"])) for row in own
        }
        found: dict[tuple[int, str, str], list[Paper]] = defaultdict(list)
        for row in (*own, *notes):
            key = keys.get(row["original_id"] or row["pk"])
            if key is not None:
                found[key].append(self._paper(row, theirs))
        return found

    def _paper(self, row: dict[str, Any], theirs: dict[int, Decimal]) -> Paper:
        is_registered = row["status"] in REGISTERED
        return Paper(
            pk=row["pk"],
            status=row["status"],
            is_credit=row["type_code"] == CREDIT,
            payable=row["payable_amount"],
            is_registered=is_registered,
            is_there=self.books.has(row["irn"], row["issue_date"], row["signed_at"]) if is_registered else None,
            held_there=theirs.get(row["pk"]),
            part=row["source_part"],
            is_note=row["original_id"] is not None,
        )

    def _count(self, source: Source, compared: Compared) -> None:
        figures = self.figures[source.currency]
        figures.asked += compared.asked
        figures.acknowledged += compared.acknowledged
        for each in compared.differences:
            figures.add(each.cause, each.amount)
        self.run.sources += 1

    def _rows(self, source: Source, compared: Compared) -> Iterator[Difference]:
        subject = f"{source.connection_id}:{source.kind}:{source.external_id}"
        self.subjects.add(subject)
        by_cause: dict[Cause, Difference] = {}
        for each in compared.differences:
            label = f"{source.label} – {source.problem}" if each.cause == Cause.UNREADABLE else source.label
            row = by_cause.setdefault(each.cause, self._row(subject, each.cause, label))
            row.currency, row.day, row.invoice_id = source.currency, source.day, each.invoice_id
            if each.is_known:
                row.amount = (row.amount or ZERO) + each.amount
        yield from by_cause.values()

    def _row(self, subject: str, cause: Cause, label: str) -> Difference:
        """Return a difference without an amount."""
        return Difference(
            organization=self.organization,
            subject=subject,
            cause=cause,
            label=label,
            found_in=self.run,
            deadline=self.deadline,
        )

    def _strangers(self) -> None:
        """Name what the authority lists and nobody here made, of these days and of those that were asked for anyway."""
        most = DAYS if self.run.is_whole else MOST_DAYS
        last = self.run.until.toordinal()
        days = (date.fromordinal(each) for each in range(max(self.run.since.toordinal(), last - most), last + 1))
        for day in sorted({*days, *self.books.days}):
            listed = self.books.listed(day)
            if listed:
                ours = set(Invoice.objects.filter(irn__in=listed).values_list("irn", flat=True))
                keep([self._stranger(irn, amount) for irn, amount in self._amounts(sorted(listed - ours))])

    def _amounts(self, irns: Sequence[str]) -> Iterator[tuple[str, tuple[Decimal, str] | None]]:
        """Yield each number with what its document comes to, as an earlier run or the authority says."""
        known = Difference.objects.filter(subject__in=irns, cause=Cause.STRANGER).exclude(amount=None)
        earlier = {each.subject: (-(each.amount or ZERO), each.currency) for each in known}
        for irn in irns:
            yield irn, earlier.get(irn) or self.books.amount_of(irn)

    def _stranger(self, irn: str, amount: tuple[Decimal, str] | None) -> Difference:
        """Return its difference. The authority acknowledges it and nobody asks for it, so it counts negative."""
        row = self._row(irn, Cause.STRANGER, irn)
        if amount is not None:
            row.amount, row.currency = -amount[0], amount[1]
        figures = self.figures[row.currency]
        figures.acknowledged -= row.amount or ZERO
        figures.add(Cause.STRANGER, row.amount or ZERO)
        return row

    def _numbers(self) -> None:
        report = number_report()
        self.run.numbers = [each.as_json() for each in report]
        rows = [self._row(f"number:{number}", Cause.NUMBER_GAP, number) for number in _broken(report)]
        for _ in rows:
            self.figures[""].add(Cause.NUMBER_GAP, ZERO)
        keep(rows)

    def _finish(self) -> None:
        if not all(each.adds_up for each in self.figures.values()):
            raise AssertionError("The sums of the run do not add up.")
        self.run.figures = {
            currency: {
                "asked": str(each.asked),
                "acknowledged": str(each.acknowledged),
                "causes": {str(cause): [count, str(amount)] for cause, (count, amount) in each.causes.items()},
            }
            for currency, each in self.figures.items()
        }
        self.run.registered, self.run.compared = ask_for_copies()
        self.run.state = RunState.PARTIAL if self.books.problem else RunState.COMPLETE
        self.run.problem, self.run.finished_at = self.books.problem, timezone.now()
        self.run.save()
        logger.info("reconciled", organization=self.organization.pk, sources=self.run.sources, state=self.run.state)


def organizations_to_reconcile() -> list[int]:
    """Return the organizations that have a business profile."""
    with scopes_disabled():
        return list(Business.objects.order_by("organization_id").values_list("organization_id", flat=True))


def reconcile_and_tell(*, organization_id: int, user_id: int | None) -> None:
    """Reconcile an organization; of a run that no person asked for its owners hear what is new and wants somebody."""
    organization = Organization.objects.get(pk=organization_id)
    by = User.objects.filter(pk=user_id).first() if user_id else None
    try:
        run = reconcile(organization=organization, by=by)
    except AlreadyRunning:
        logger.info("already_reconciling", organization=organization_id)
        return
    if by is None:
        tell_owners(organization, run)


def _broken(report: Iterable[SeriesReport]) -> Iterator[str]:
    for series in report:
        yield from series.gaps
        yield from series.twice
        if series.highest > series.last:
            yield f"{series.prefix} {series.highest} > {series.last}"


def _key(source: Source) -> tuple[int, str, str]:
    return (source.connection_id, source.kind, source.external_id)


def _columns(invoices: Any) -> Any:
    return invoices.order_by("pk").values(
        "pk", "connection_id", "source_kind", "source_external_id", "source_part", "status", "type_code",
        "payable_amount", "irn", "issue_date", "original_id", "signed_at",
    )  # fmt: skip


@contextmanager
def _only_run(organization: Organization) -> Iterator[None]:
    """Hold the organization's lease for a run; raises AlreadyRunning."""
    with leased(f"{RECONCILIATION} {organization.pk}") as held:
        if held is None:
            raise AlreadyRunning("It is being reconciled already. Look again in a minute.")
        yield
