"""Works off what is due with the authority about signed invoices: claim, call outside any transaction, record.

What is due stands in the database; each purpose says in its own module which calls it needs and what they mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.db import transaction
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from invoices.authority.base import Answer, Authority, CredentialsRefused
from invoices.models import Business, Exchange, ExchangeCall, Purpose, Stage
from invoices.services.authority_keys import Group, authority_for

logger = structlog.get_logger(__name__)

A = TypeVar("A", bound=Answer)

# Above the slowest attempt: two calls at 40 s and one more.
LEASE = timedelta(minutes=4)
# Seconds after the first, second … attempt in a row that settled nothing.
BACK_OFF = (5, 30, 120, 600, 3600)
# What somebody has to mend elsewhere, such as keys, is looked at again this much later.
MENDING = timedelta(hours=1)
ALARM_AFTER = 5
# So many rows in a row without any answer: the authority is away, and the rest can wait for the next ring.
SILENCES_THAT_STOP = 3


@dataclass(slots=True)
class Work:
    """One claimed row on its way through an attempt; `authority` opens the right keys for a group of calls."""

    exchange: Exchange
    was_sent: bool
    was_handed_on: bool
    authorities: Authorities
    attempt: int
    is_silent: bool = False  # whether its last call got no answer of the authority itself

    def authority(self, group: Group) -> Authority:
        """Return the authority with the keys of this group."""
        business = self.exchange.invoice.business
        assert business is not None  # noqa: S101 - it has a number, so it has a seller
        return self.authorities.of(business, group)

    def about_to_send(self) -> None:
        """Put on record, before the call, that something is sent whose outcome may never be heard."""
        Exchange.objects.filter(pk=self.exchange.pk, attempts=self.attempt).update(is_sent=True)
        self.exchange.is_sent = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt means. `wait` None follows the schedule of setbacks; `is_sent` as in Exchange."""

    stage: Stage
    problem: str = ""
    wait: timedelta | None = None
    is_sent: bool = False
    result: dict[str, Any] | None = None
    is_setback: bool = True


@dataclass(slots=True)
class Authorities:
    """Keeps one client for each business and group of calls, so that a drain opens one connection for each."""

    kept: dict[tuple[int, Group], Authority] = field(default_factory=dict)

    def of(self, business: Business, group: Group) -> Authority:
        """Return the client of this business for these calls."""
        if (business.pk, group) not in self.kept:
            self.kept[business.pk, group] = authority_for(business, group)
        return self.kept[business.pk, group]

    def close(self) -> None:
        """Let all connections go."""
        for authority in self.kept.values():
            authority.close()


Attempt = Callable[[Work], Outcome]


def work_due(attempts: dict[Purpose, Attempt], *, until: datetime | None = None) -> Counter[str]:
    """Work at what is due until nothing is, or the time is up; return how many ended in which stage.

    Safe for any number of workers at once. Stops early when the authority does not answer: what is left stays due.
    """
    done: Counter[str] = Counter()
    silences = 0
    authorities = Authorities()
    give_up_dead_claims()
    try:
        while silences < SILENCES_THAT_STOP and (until is None or timezone.now() < until):
            work = claim_next(authorities)
            if work is None:
                break
            exchange = work.exchange
            with scope(organization=exchange.invoice.organization_id):
                outcome = attempts[Purpose(exchange.purpose)](work)
                record(work, outcome)
            silences = silences + 1 if work.is_silent else 0
            done[f"{exchange.purpose} {outcome.stage}"] += 1
    finally:
        authorities.close()
    return done


def claim_next(authorities: Authorities) -> Work | None:
    """Claim the row that has waited longest; None when nothing is due."""
    now = timezone.now()
    with scopes_disabled(), transaction.atomic():
        due = Exchange.objects.due(now).select_related("invoice__business")
        row = due.select_for_update(of=("self",), skip_locked=True).first()
        if row is None:
            return None
        work = Work(row, row.is_sent, row.stage == Stage.HANDED_ON, authorities, row.attempts + 1)
        row.stage, row.attempts, row.lease_until = Stage.WORKING, work.attempt, now + LEASE
        row.save(update_fields=["stage", "attempts", "lease_until", "updated_at"])
    return work


def record(work: Work, outcome: Outcome) -> None:
    """Write what came out, unless another worker has taken over meanwhile."""
    now = timezone.now()
    row = work.exchange
    setbacks = row.setbacks + 1 if outcome.is_setback and outcome.stage == Stage.WAITING else 0
    wait = outcome.wait or timedelta(seconds=BACK_OFF[min(max(setbacks - 1, 0), len(BACK_OFF) - 1)])
    columns: dict[str, Any] = {
        "stage": outcome.stage,
        "problem": outcome.problem,
        "is_sent": outcome.is_sent,
        "setbacks": setbacks,
        "lease_until": None,
        "next_attempt_at": now + wait if outcome.stage in (Stage.WAITING, Stage.HANDED_ON) else None,
        "done_at": now if outcome.stage == Stage.DONE else None,
        "updated_at": now,
    }
    if outcome.result is not None:
        columns["result"] = outcome.result
    mine = Exchange.objects.filter(pk=row.pk, stage=Stage.WORKING, attempts=work.attempt)
    if not mine.update(**columns):
        logger.warning("late_outcome_dropped", exchange=row.pk, stage=outcome.stage)
    if setbacks >= ALARM_AFTER:
        logger.error("exchange_unsettled", exchange=row.pk, purpose=row.purpose, attempts_in_a_row=setbacks)


def give_up_dead_claims() -> None:
    """Free what dead workers held. A VAT report that may have gone out waits for a person: nothing can be asked."""
    now = timezone.now()
    freed = {"lease_until": None, "updated_at": now}
    with scopes_disabled():
        dead = Exchange.objects.abandoned(now)
        held = dead.filter(purpose=Purpose.VAT, is_sent=True).update(
            stage=Stage.HELD, problem=MAY_HAVE_ARRIVED, next_attempt_at=None, **freed
        )
        again = dead.update(stage=Stage.WAITING, next_attempt_at=now, **freed)
    if held or again:
        logger.warning("exchanges_given_up", held=held, again=again)


MAY_HAVE_ARRIVED = (
    "It is not known whether the authority took this VAT report, and it cannot be asked. Look for it on the "
    "authority's dashboard: dismiss this if it is there, release it to send it again if it is not."
)


def call(work: Work, step: str, ask: Callable[[], A], request: str = "") -> A:
    """Make one call and keep it as evidence; the row is written before the call is made."""
    row = ExchangeCall.objects.create(
        exchange=work.exchange, attempt=work.attempt, step=step, request=request, started_at=timezone.now()
    )
    answer = ask()
    is_barred = isinstance(answer, CredentialsRefused)  # of one business only: the others go on
    work.is_silent = not is_barred and (answer.http_status is None or answer.http_status >= 500)
    # Named with its time and without a join, as `save` would do it, so that only its month is touched.
    ExchangeCall._base_manager.filter(pk=row.pk, started_at=row.started_at).update(
        finished_at=timezone.now(),
        http_status=answer.http_status,
        outcome=type(answer).__name__.lower(),
        sentence=getattr(answer, "sentence", ""),
        response=answer.response.replace("\x00", ""),
    )
    return answer
