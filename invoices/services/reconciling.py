"""Reconciles sources, invoices and the authority's list for one organization, and keeps the differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection as database
from django.db import transaction
from django.db.models import Min
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django_scopes import scope, scopes_disabled

from accounts.models import Membership, Organization, Role, User
from integrations.models import Connection
from invoices.authority.base import ListingFailed
from invoices.irn import in_lagos
from invoices.models import REGISTERED, Business, Exchange, Invoice, Purpose
from invoices.models.reconciliation import IN_ORDER, Difference, DifferenceState, Reconciliation, RunState
from invoices.notes import CREDIT
from invoices.reconciling import ZERO, Cause, Compared, Paper, Source, compare
from invoices.services.authority_keys import Group, authority_for

logger = structlog.get_logger(__name__)

DAYS = 62  # two months of deals, every night
DAYS_TO_LOOK = timedelta(days=3)
LOCK = 7_311_004  # the first key of the advisory lock; the second is the organization
MOST_DAYS = 400  # of the authority's list in one run; a question each
SHOWN = 30  # lines of a mail
LAG = timedelta(minutes=5)  # from a signature until the authority's list has it


class AlreadyRunning(Exception):
    """Another run of this organization is under way."""


@dataclass(slots=True)
class _Figures:
    asked: Decimal = ZERO
    acknowledged: Decimal = ZERO
    causes: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(lambda: [0, ZERO]))


def reconcile(
    *, organization: Organization, since: date | None = None, until: date | None = None, by: User | None = None
) -> Reconciliation:
    """Compare everything that closed in a window of days, keep what differs, and return the run.

    Without days, the last two months, and longer back where a difference is not settled. Raises AlreadyRunning; an
    authority that cannot be asked makes the run partial.
    """
    until = until or in_lagos(timezone.now()).date()
    with scope(organization=organization), _only_run(organization):
        since = since or _since(until)
        run = Reconciliation.objects.create(organization=organization, since=since, until=until, by=by)
        try:
            _Run(run).work()
        except BaseException:
            run.state, run.finished_at = RunState.PARTIAL, timezone.now()
            run.problem = "An error of ours stopped it. Start it again, and tell support if it stops again."
            run.save()
            raise
    return run


def _since(until: date) -> date:
    unsettled = Difference.objects.exclude(state=DifferenceState.SETTLED).order_by()
    oldest: date | None = unsettled.aggregate(day=Min("day"))["day"]
    usual = until - timedelta(days=DAYS)
    return min(usual, oldest) if oldest else usual


class _Run:
    """One run: the authority's list, then every source by chunks, then what has settled."""

    def __init__(self, run: Reconciliation) -> None:
        self.run, self.organization = run, run.organization
        self.business = Business.objects.filter(organization=self.organization).first()
        self.listed: dict[date, set[str] | None] = {}  # by day of issue; None: it could not be asked
        # What was signed since may not be on a list that was asked for before.
        self.signed_before = timezone.now() - LAG
        self.problem = ""
        self.figures: dict[str, _Figures] = defaultdict(_Figures)
        self.seen: set[tuple[str, str]] = set()
        self.subjects: set[str] = set()

    def work(self) -> None:
        """Compare, keep and finish."""
        for chunk in self._sources():
            self._compare(chunk)
        self._strangers()
        self._settle()
        self._finish()

    def _sources(self) -> Iterator[Sequence[Source]]:
        for path in settings.RECONCILED_SOURCES:
            for connection in Connection.objects.order_by("pk"):
                yield from import_string(path)(connection=connection, since=self.run.since, until=self.run.until)

    def _compare(self, chunk: Sequence[Source]) -> None:
        papers = self._papers(chunk)
        rows: list[Difference] = []
        for source in chunk:
            key = (source.connection_id, source.kind, source.external_id)
            compared = compare(source, papers.get(key, ()))
            if not compared.adds_up:
                raise AssertionError(f"{source.kind} {source.external_id} does not add up.")
            self._count(source, compared)
            rows += self._rows(source, compared)
        self._keep(rows)

    def _papers(self, chunk: Sequence[Source]) -> dict[tuple[int, str, str], list[Paper]]:
        found: dict[tuple[int, str, str], list[Paper]] = defaultdict(list)
        ids = [source.external_id for source in chunk]
        mine = Invoice.objects.filter(connection__in={each.connection_id for each in chunk}, type_code="381")
        own = list(_columns(mine.filter(source_kind=chunk[0].kind, source_external_id__in=ids)))
        notes = list(_columns(Invoice.objects.filter(original__in=[row["pk"] for row in own])))
        theirs = self._amounts_there([row["pk"] for row in (*own, *notes)])
        keys = {row["pk"]: (row["connection_id"], row["source_kind"], row["source_external_id"]) for row in own}
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
            is_there=self._is_there(row) if is_registered else None,
            held_there=theirs.get(row["pk"]),
        )

    def _is_there(self, row: dict[str, Any]) -> bool | None:
        """Tell whether the authority lists a signed number; None where it cannot be asked, or is too fresh to miss."""
        listed = self._listed(row["issue_date"])
        if listed is None:
            return None
        return row["irn"] in listed or (None if row["signed_at"] >= self.signed_before else False)

    def _amounts_there(self, ids: list[int]) -> dict[int, Decimal]:
        """Return the amounts to be paid of the authority's copies that differ from ours; its list tells none."""
        done = Exchange.objects.filter(invoice__in=ids, purpose=Purpose.COMPARE, problem__gt="")
        found = {}
        for invoice_id, result in done.values_list("invoice_id", "result"):
            for each in result.get("differences", ()):
                if each["path"] == "legal_monetary_total.payable_amount":
                    found[invoice_id] = Decimal(each["theirs"]) if _is_number(each["theirs"]) else ZERO
        return found

    def _listed(self, day: date | None) -> set[str] | None:
        """Return the numbers that the authority lists of a day of issue, asked once; None when it cannot be asked."""
        if day is None or self.business is None:
            return None
        if day not in self.listed:
            authority = authority_for(self.business, Group.DOCUMENTS)
            try:
                answer = authority.list_numbers(business_id=str(self.business.business_id), day=day)
            finally:
                authority.close()
            if isinstance(answer, ListingFailed):
                self.problem = self.problem or answer.sentence
                self.listed[day] = None
            else:
                self.listed[day] = set(answer.irns)
        return self.listed[day]

    def _count(self, source: Source, compared: Compared) -> None:
        figures = self.figures[source.currency]
        figures.asked += compared.asked
        figures.acknowledged += compared.acknowledged
        for each in compared.differences:
            figures.causes[each.cause][0] += 1
            figures.causes[each.cause][1] += each.amount
        self.run.sources += 1

    def _rows(self, source: Source, compared: Compared) -> list[Difference]:
        subject = f"{source.connection_id}:{source.kind}:{source.external_id}"
        self.subjects.add(subject)
        amounts: dict[Cause, Decimal] = defaultdict(lambda: ZERO)
        invoices: dict[Cause, int | None] = {}
        for each in compared.differences:
            amounts[each.cause] += each.amount
            invoices[each.cause] = each.invoice_id
        return [self._row(subject, cause, amount, source, invoices[cause]) for cause, amount in amounts.items()]

    def _row(
        self, subject: str, cause: Cause, amount: Decimal | None, source: Source | None, invoice_id: int | None
    ) -> Difference:
        self.seen.add((subject, cause))
        return Difference(
            organization=self.organization,
            subject=subject,
            cause=cause,
            amount=amount,
            label=source.label if source else subject,
            currency=source.currency if source else "",
            day=source.day if source else None,
            invoice_id=invoice_id,
            found_in=self.run,
            deadline=in_lagos(timezone.now()).date() + DAYS_TO_LOOK,
        )

    def _keep(self, rows: list[Difference]) -> None:
        """Write new differences, bring known ones up to date; one whose amount has changed is open again."""
        known = {
            (each.subject, each.cause): each
            for each in Difference.objects.filter(subject__in={row.subject for row in rows})
        }
        fresh = [row for row in rows if (row.subject, row.cause) not in known]
        Difference.objects.bulk_create(fresh)
        changed = []
        for row in rows:
            old = known.get((row.subject, row.cause))
            if old is None:
                continue
            if old.state == DifferenceState.SETTLED or old.amount != row.amount:
                old.state, old.settled_at, old.deadline = DifferenceState.OPEN, None, row.deadline
            old.amount, old.label, old.invoice_id, old.found_in = row.amount, row.label, row.invoice_id, self.run
            changed.append(old)
        Difference.objects.bulk_update(
            changed, ["state", "settled_at", "deadline", "amount", "label", "invoice", "found_in"], batch_size=500
        )

    def _strangers(self) -> None:
        """Name what the authority lists of these days and nobody here made."""
        for day in _days(max(self.run.since, self.run.until - timedelta(days=MOST_DAYS)), self.run.until):
            listed = self._listed(day)
            if not listed:
                continue
            ours = set(Invoice.objects.filter(irn__in=listed).values_list("irn", flat=True))
            rows = [self._row(irn, Cause.STRANGER, None, None, None) for irn in sorted(listed - ours)]
            self._keep(rows)
            if rows:
                self.figures[""].causes[Cause.STRANGER][0] += len(rows)

    def _settle(self) -> None:
        """Settle what these sources and days had and have no more; what could not be asked stays as it was."""
        now = timezone.now()
        asked_days = {day for day, listed in self.listed.items() if listed is not None}
        still = Difference.objects.exclude(state=DifferenceState.SETTLED).exclude(found_in=self.run)
        gone = []
        for each in still.iterator():
            in_scope = each.subject in self.subjects
            if each.cause == Cause.STRANGER:
                in_scope = any(each.subject.endswith(f"{day:%Y%m%d}") for day in asked_days)
            if in_scope and (each.subject, each.cause) not in self.seen:
                gone.append(each.pk)
        Difference.objects.filter(pk__in=gone).update(state=DifferenceState.SETTLED, settled_at=now)

    def _finish(self) -> None:
        self.run.figures = {
            currency: {
                "asked": str(each.asked),
                "acknowledged": str(each.acknowledged),
                "causes": {str(cause): [count, str(amount)] for cause, (count, amount) in each.causes.items()},
            }
            for currency, each in self.figures.items()
        }
        self.run.state = RunState.PARTIAL if self.problem else RunState.COMPLETE
        self.run.problem, self.run.finished_at = self.problem, timezone.now()
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
        _tell_owners(organization, run)


def _tell_owners(organization: Organization, run: Reconciliation) -> None:
    with scope(organization=organization):
        fresh = list(
            wants_people(Difference.objects.filter(first_seen_at__gte=run.started_at)).order_by("-amount", "pk")
        )
        owners = Membership.objects.filter(organization=organization, role=Role.OWNER, user__is_active=True)
        to = list(owners.values_list("user__email", flat=True))
    if not fresh or not to:
        return
    context = {
        "organization": organization, "rows": fresh[:SHOWN], "more": max(0, len(fresh) - SHOWN),
        "page": f"{settings.PUBLIC_URL}{reverse('reconciliation')}",
    }  # fmt: skip
    body = render_to_string("invoices/difference_mail.txt", context)
    words = "1 new difference" if len(fresh) == 1 else f"{len(fresh)} new differences"
    try:
        EmailMessage(subject=f"{words} – {organization}", body=body, to=to).send()
    except (SMTPException, OSError) as problem:
        # They stand on the page whether or not the mail goes out.
        logger.warning("differences_not_mailed", organization=organization.pk, reason=type(problem).__name__)


def explain_difference(*, difference: Difference, note: str, owner: User | None, by: User) -> None:
    """Give a difference an owner, or with a note explain it; a settled one stays settled."""
    with transaction.atomic():
        row = Difference.objects.select_for_update().get(pk=difference.pk)
        if row.state == DifferenceState.SETTLED:
            return
        row.owner, row.decided_by = owner, by
        row.note = note.strip()[:2000]
        row.state = DifferenceState.EXPLAINED if row.note else DifferenceState.OPEN
        row.save(update_fields=["owner", "decided_by", "note", "state"])


def wants_people(differences: Any) -> Any:
    """Return those of a queryset of differences that somebody has to look at."""
    return differences.filter(state=DifferenceState.OPEN).exclude(cause__in=IN_ORDER)


def _columns(invoices: Any) -> Any:
    return invoices.values(
        "pk", "connection_id", "source_kind", "source_external_id", "status", "type_code", "payable_amount", "irn",
        "issue_date", "original_id", "signed_at",
    )  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False


def _days(since: date, until: date) -> Iterator[date]:
    for number in range((until - since).days + 1):
        yield since + timedelta(days=number)


class _only_run:  # noqa: N801 - reads as the statement that it is
    """Holds the organization's lock for a run; raises AlreadyRunning."""

    def __init__(self, organization: Organization) -> None:
        self.keys = (LOCK, organization.pk)

    def __enter__(self) -> None:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", self.keys)
            if not cursor.fetchone()[0]:
                raise AlreadyRunning("It is being reconciled already. Look again in a minute.")

    def __exit__(self, *_: object) -> None:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", self.keys)
