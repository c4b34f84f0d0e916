"""Judging how the queues are from what is known of them; asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.health import in_words
from integrations.queues import BATCH, Queue

ALIVE_FOR = timedelta(seconds=30)  # three pulses: a process that said nothing for longer is not there
SILENT_FROM = 120  # seconds from which a length of time is told in minutes


class Level(IntEnum):
    """How bad it is; the numbers are the exit codes of `manage.py queue_health`."""

    OK = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """Return it in lower case, for people and machines."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: what, what it means, and what to do."""

    level: Level
    sentence: str


@dataclass(frozen=True, slots=True)
class DueWork:
    """Rows of the database that are due now: how many of what, and since when the oldest is."""

    queue: str
    what: str
    count: int
    oldest_at: datetime | None

    def age(self, now: datetime) -> timedelta:
        """Return how long the oldest has waited."""
        return now - self.oldest_at if self.oldest_at else timedelta()


@dataclass(frozen=True, slots=True)
class Process:
    """A worker or beat, as it last told of itself."""

    name: str
    kind: str
    queues: tuple[str, ...]
    beaten_at: datetime

    def is_alive(self, now: datetime) -> bool:
        """Tell whether it spoke lately."""
        return now - self.beaten_at <= ALIVE_FOR


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened in a queue in one minute."""

    at: datetime
    taken: int = 0
    failed: int = 0
    depth: int | None = None
    wait_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What is known of one queue; `depth` is None when the broker does not tell, `canary_*` before the first one."""

    queue: Queue
    workers: tuple[Process, ...] = ()
    canary_sent_at: datetime | None = None
    canary_heard_at: datetime | None = None
    depth: int | None = None
    due: tuple[DueWork, ...] = ()
    minutes: tuple[Minute, ...] = ()

    def alive(self, now: datetime) -> list[Process]:
        """Return the workers that serve it now."""
        return [worker for worker in self.workers if worker.is_alive(now)]

    def served_until(self) -> datetime | None:
        """Return when anybody last served it; None when nobody ever did, as far as is remembered."""
        known = [worker.beaten_at for worker in self.workers]
        return max([*known, *([self.canary_heard_at] if self.canary_heard_at else [])], default=None)

    def age(self, now: datetime) -> timedelta:
        """Return how long the oldest due row has waited."""
        return max((work.age(now) for work in self.due), default=timedelta())

    def failed(self) -> int:
        """Return how many tasks failed in the minutes that are known."""
        return sum(minute.failed for minute in self.minutes)

    def taken(self) -> int:
        """Return how many tasks were begun in the minutes that are known."""
        return sum(minute.taken for minute in self.minutes)


@dataclass(frozen=True, slots=True)
class Judged:
    """A queue's facts with what is wrong with it."""

    facts: QueueFacts
    faults: list[Fault]

    @property
    def level(self) -> Level:
        """Return the worst of its faults."""
        return worst(self.faults)


@dataclass(frozen=True, slots=True)
class Report:
    """All queues, what is wrong beside them (broker, beat), and who is alive, at one instant."""

    at: datetime
    queues: list[Judged]
    beats: list[Process]
    faults: list[Fault] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """Return the worst of all."""
        return worst(self.all_faults())

    def all_faults(self) -> list[Fault]:
        """Return every fault, the worst first."""
        found = [*self.faults, *(fault for judged in self.queues for fault in judged.faults)]
        return sorted(found, key=lambda fault: -fault.level)


def worst(faults: Sequence[Fault]) -> Level:
    """Return the worst level, OK without a fault."""
    return max((fault.level for fault in faults), default=Level.OK)


def judge(facts: Sequence[QueueFacts], beats: Sequence[Process], *, is_broker_there: bool, now: datetime) -> Report:
    """Judge everything; where a cause is told, what follows from it alone is not told again for each queue."""
    faults = list(_shared_faults(beats, is_broker_there, now))
    is_carried = not faults  # canaries go from beat through the broker
    judged = [Judged(each, list(_faults(each, now, is_carried=is_carried))) for each in facts]
    return Report(now, judged, list(beats), faults)


def _shared_faults(beats: Sequence[Process], is_broker_there: bool, now: datetime) -> Iterator[Fault]:
    if not is_broker_there:
        yield Fault(
            Level.CRITICAL,
            _(
                "The broker does not answer: work is accepted and kept in the database, and none of it starts. "
                "Start the broker, or correct BROKER_URL."
            ),
        )
    if not any(beat.is_alive(now) for beat in beats):
        since = _since(max((beat.beaten_at for beat in beats), default=None), now)
        yield Fault(
            Level.CRITICAL,
            _(
                "Beat has been silent%(since)s: no nightly sync starts, and work whose ring was lost waits. "
                "Start it with: celery -A taxpoynt beat --scheduler django_celery_beat.schedulers:DatabaseScheduler"
            )
            % {"since": since},
        )


def _faults(facts: QueueFacts, now: datetime, *, is_carried: bool) -> Iterator[Fault]:
    alive = facts.alive(now)
    if not alive:
        yield Fault(Level.CRITICAL, _nobody(facts, now))
    elif is_carried and (silence := _silence(facts, alive, now)) > facts.queue.patience:
        yield Fault(
            Level.WARNING if facts.queue.name == BATCH else Level.CRITICAL,
            _(
                "Nothing has come through %(queue)s for %(time)s, though %(workers)s there (%(depth)s tasks wait). "
                "See in the log what they are at; add a worker, or restart one that hangs."
            )
            % {
                "queue": facts.queue.name,
                "time": _long(silence),
                "workers": ngettext("%(n)s worker is", "%(n)s workers are", len(alive)) % {"n": len(alive)},
                "depth": "?" if facts.depth is None else facts.depth,
            },
        )
    for work in facts.due:
        if alive and work.age(now) > facts.queue.patience:
            yield Fault(
                Level.WARNING,
                _("%(count)s %(what)s wait for %(queue)s, the oldest for %(time)s. Add a worker if it stays so.")
                % {"count": work.count, "what": work.what, "queue": facts.queue.name, "time": _long(work.age(now))},
            )
    if facts.failed():
        yield Fault(
            Level.WARNING,
            ngettext(
                "%(n)s task of %(queue)s ended with an error of ours in the last hour. The log has it by its task id.",
                "%(n)s tasks of %(queue)s ended with an error of ours in the last hour. The log has them by task id.",
                facts.failed(),
            )
            % {"n": facts.failed(), "queue": facts.queue.name},
        )


def _silence(facts: QueueFacts, alive: Sequence[Process], now: datetime) -> timedelta:
    """Return for how long no canary was heard; before the first one, for how long somebody could have heard it."""
    heard = facts.canary_heard_at or min(worker.beaten_at for worker in alive)
    return now - heard


def _nobody(facts: QueueFacts, now: datetime) -> str:
    name = facts.queue.name
    return _("No worker serves %(queue)s%(since)s: %(waits)s. Start one with: %(command)s") % {
        "queue": name,
        "since": _since(facts.served_until(), now),
        "waits": facts.queue.waits,
        "command": f"celery -A taxpoynt worker -Q {name} -n {name}@%h",
    }


def _since(instant: datetime | None, now: datetime) -> str:
    if instant is None:
        return ""
    local = timezone.localtime(instant)
    form = "%H:%M" if timezone.localtime(now).date() == local.date() else "%d %b, %H:%M"
    return _(" since %(time)s") % {"time": f"{local:{form}}"}


def _long(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return _("%(n)s seconds") % {"n": seconds} if seconds < SILENT_FROM else in_words(span)
