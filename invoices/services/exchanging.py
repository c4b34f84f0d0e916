"""Works off what is due with the authority about signed invoices: claim, call outside any transaction, record.

What is due stands in the database; each purpose says in its own module which calls it needs and what they mean. A
claim is renewed beside the work, so what a dead worker had is taken up within half a minute; while its last call may
still arrive, the authority is asked and nothing is sent again (docs/adr/0017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from integrations.services.leases import LOOKS_EVERY, Claimed, LeaseLost, claim_end, claim_of, renewed
from invoices.authority.base import Answer, Authority, CredentialsRefused
from invoices.models import Business, Exchange, ExchangeCall, Purpose, Stage
from invoices.services.authority_keys import Group, authority_for

logger = structlog.get_logger(__name__)

A = TypeVar("A", bound=Answer)

# The calls that change something there; such a one may still arrive so long after its begin: above 40 s and a wait.
SENDING = ("transmit", "update", "vat")
SENDING_LASTS = timedelta(minutes=4)
LOOKED_FOR_EVERY = timedelta(seconds=30)
STILL_UNDER_WAY = "What a worker sent before it stopped may still arrive. It is looked at again by itself."
# Seconds after the first, second … attempt in a row that settled nothing.
BACK_OFF = (5, 30, 120, 600, 3600)
# What somebody has to mend elsewhere, such as keys, is looked at again this much later.
MENDING = timedelta(hours=1)
ALARM_AFTER = 5
# So many rows in a row without any answer: the authority is away, and the rest can wait for the next ring.
SILENCES_THAT_STOP = 3


class StillUnderWay(Exception):
    """What a dead worker sent may arrive until then, so nothing is sent now."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(slots=True)
class Work:
    """One claimed row on its way through an attempt; `authority` opens the right keys for a group of calls."""

    exchange: Exchange
    was_sent: bool
    was_handed_on: bool
    authorities: Authorities
    attempt: int
    is_silent: bool = False  # whether its last call got no answer of the authority itself

    @property
    def lease(self) -> Claimed:
        """Return what is renewed beside the work."""
        return claim_of(self.exchange, self.attempt)

    def authority(self, group: Group) -> Authority:
        """Return the authority with the keys of this group."""
        business = self.exchange.invoice.business
        assert business is not None  # noqa: S101 - it has a number, so it has a seller
        return self.authorities.of(business, group)

    def about_to_send(self) -> None:
        """Put on record, before the call, that something is sent whose outcome may never be heard.

        Raises LeaseLost when another worker has taken over, StillUnderWay while an earlier call may arrive.
        """
        now = timezone.now()
        with transaction.atomic():
            self.lease.check()
            unheard = ExchangeCall.objects.filter(
                exchange=self.exchange, step__in=SENDING, finished_at=None, started_at__gt=now - SENDING_LASTS
            )
            last: datetime | None = unheard.aggregate(last=Max("started_at"))["last"]
            if last is not None:
                raise StillUnderWay(last + SENDING_LASTS)
            Exchange.objects.filter(pk=self.exchange.pk).update(is_sent=True)
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
    next_look = timezone.now()
    try:
        while silences < SILENCES_THAT_STOP and (until is None or timezone.now() < until):
            if timezone.now() >= next_look:
                next_look = timezone.now() + LOOKS_EVERY
                give_up_dead_claims()
            work = claim_next(authorities)
            if work is None:
                break
            exchange = work.exchange
            with scope(organization=exchange.invoice.organization_id):
                outcome = _work(work, attempts[Purpose(exchange.purpose)])
            if outcome is None:
                continue
            silences = silences + 1 if work.is_silent else 0
            done[f"{exchange.purpose} {outcome.stage}"] += 1
    finally:
        authorities.close()
    return done


def _work(work: Work, attempt: Attempt) -> Outcome | None:
    """Make the attempt and record it; None when another worker has the row by now."""
    with renewed(work.lease):
        try:
            outcome = attempt(work)
        except StillUnderWay as sent:
            wait = min(sent.until - timezone.now(), LOOKED_FOR_EVERY)
            outcome = Outcome(Stage.WAITING, STILL_UNDER_WAY, wait, is_sent=True, is_setback=False)
        except LeaseLost:
            logger.warning("claim_lost", exchange=work.exchange.pk, attempt=work.attempt)
            return None
        record(work, outcome)
    return outcome


def claim_next(authorities: Authorities) -> Work | None:
    """Claim the row that has waited longest; None when nothing is due."""
    now = timezone.now()
    with scopes_disabled(), transaction.atomic():
        due = Exchange.objects.due(now).select_related("invoice__business")
        row = due.select_for_update(of=("self",), skip_locked=True).first()
        if row is None:
            return None
        work = Work(row, row.is_sent, row.stage == Stage.HANDED_ON, authorities, row.attempts + 1)
        row.stage, row.attempts = Stage.WORKING, work.attempt
        taken = Exchange.objects.filter(pk=row.pk)
        taken.update(stage=Stage.WORKING, attempts=work.attempt, lease_until=claim_end(), updated_at=now)
    return work


def record(work: Work, outcome: Outcome) -> None:
    """Write what came out, unless another worker or a person has decided about it meanwhile.

    What is held because this worker was given up is not decided yet.
    """
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
    mine = Exchange.objects.filter(pk=row.pk, stage__in=(Stage.WORKING, Stage.HELD), attempts=work.attempt)
    if not mine.update(**columns):
        logger.warning("late_outcome_dropped", exchange=row.pk, stage=outcome.stage)
    if setbacks >= ALARM_AFTER:
        logger.error("exchange_unsettled", exchange=row.pk, purpose=row.purpose, attempts_in_a_row=setbacks)


def give_up_dead_claims() -> None:
    """Free what dead workers held. A VAT report that may have gone out waits for a person: nothing can be asked."""
    now = timezone.now()
    freed = {"lease_until": None, "updated_at": now}
    with scopes_disabled():
        dead = Exchange.objects.abandoned()
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
    """Make one call and keep it as evidence; the row is written before the call is made.

    Raises LeaseLost when another worker has taken over.
    """
    with transaction.atomic():
        work.lease.check()
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
