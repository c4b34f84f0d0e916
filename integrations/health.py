"""Judging a connection's health from its facts; asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import ConnectionStatus, Health, RunStatus

LAG_ALLOWED = timedelta(hours=26)  # a night's sync may start two hours late before anybody is told
REFRESH_ALLOWED = timedelta(minutes=15)
SILENCE_ALLOWED = timedelta(minutes=10)  # a run that is alive commits a page every few seconds


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What is known of a connection; instants are None where the thing never happened.

    `complete_until` is the instant up to which every change has been read. `run_*` is the newest run.
    """

    status: str
    problem: str
    connected_at: datetime
    last_good_call_at: datetime | None = None
    last_webhook_at: datetime | None = None
    token_renewed_at: datetime | None = None
    refresh_failing_since: datetime | None = None
    complete_until: datetime | None = None
    quarantined: int = 0
    run_status: str = ""
    run_sentence: str = ""
    run_heartbeat_at: datetime | None = None
    run_quarantined: int = 0
    run_silent_changes: int = 0
    unfinished_streams: int = 0
    late_events: int = 0
    parked_events: int = 0

    def lag(self, now: datetime) -> timedelta:
        """Return how old the picture of the account is; before the first full read, the age of the connection."""
        return now - (self.complete_until or self.connected_at)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a connection is, why, and what to do next; cause and next step are empty when it is well."""

    health: Health
    cause: str = ""
    next_step: str = ""


def judge(facts: HealthFacts, now: datetime) -> Verdict:
    """Return the verdict; of several faults each is told, the gravest first, with the first one's next step."""
    match facts.status:
        case ConnectionStatus.DISCONNECTED:
            return Verdict(
                Health.DISCONNECTED,
                facts.problem or _("It was disconnected, so nothing is read from it."),
                _("Connect the account again to go on."),
            )
        case ConnectionStatus.NEEDS_REAUTHORIZATION:
            return Verdict(
                Health.NEEDS_REAUTHORIZATION,
                facts.problem or _("The provider no longer lets us in."),
                _("An owner connects the account again; what changed meanwhile is read then."),
            )
        case ConnectionStatus.PAUSED:
            return Verdict(
                Health.PAUSED,
                _("Somebody paused it, so nothing is read from it."),
                _("Resume it; what changed meanwhile is read then."),
            )
    faults = list(_faults(facts, now))
    if not faults:
        return Verdict(Health.OK)
    return Verdict(Health.DEGRADED, " ".join(cause for cause, _next in faults), faults[0][1])


def _faults(facts: HealthFacts, now: datetime) -> Iterator[tuple[str, str]]:
    failing = facts.refresh_failing_since
    if failing and now - failing > REFRESH_ALLOWED:
        yield (
            _("Its access could not be renewed for %(time)s.") % {"time": in_words(now - failing)},
            _("It is tried again by itself. Use Test connection to see what the provider says."),
        )
    if facts.run_status == RunStatus.FAILED:
        yield _("The last sync failed: %(why)s") % {"why": facts.run_sentence}, _("Tell support the run's number.")
    if facts.run_status == RunStatus.PARTIAL and (facts.unfinished_streams or not facts.run_quarantined):
        yield (
            _("The last sync stopped short: %(why)s") % {"why": facts.run_sentence},
            _("Use Sync now; it goes on where it stopped."),
        )
    beat = facts.run_heartbeat_at
    if facts.run_status == RunStatus.RUNNING and beat and now - beat > SILENCE_ALLOWED:
        yield (
            _("A sync has been silent for %(time)s.") % {"time": in_words(now - beat)},
            _("Use Sync now; a run that died is taken up where it stopped."),
        )
    if facts.lag(now) > LAG_ALLOWED:
        yield (
            _("What is here is %(time)s old.") % {"time": in_words(facts.lag(now))},
            _("Use Sync now, and look at the last runs below should it stay so."),
        )
    yield from _lesser_faults(facts)


def _lesser_faults(facts: HealthFacts) -> Iterator[tuple[str, str]]:
    if facts.late_events:
        yield (
            ngettext(
                "%(number)s event has waited for more than a quarter of an hour.",
                "%(number)s events have waited for more than a quarter of an hour.",
                facts.late_events,
            )
            % {"number": facts.late_events},
            _("They are tried again by themselves; each says why in the list of events. Changes also arrive by syncs."),
        )
    if facts.parked_events:
        yield (
            ngettext(
                "%(number)s event could not be processed and is parked.",
                "%(number)s events could not be processed and are parked.",
                facts.parked_events,
            )
            % {"number": facts.parked_events},
            _("Operations look at each in the list of events and replay it, or let it rest."),
        )
    if facts.run_silent_changes:
        yield (
            ngettext(
                "The last sync found %(number)s change that no webhook had announced.",
                "The last sync found %(number)s changes that no webhook had announced.",
                facts.run_silent_changes,
            )
            % {"number": facts.run_silent_changes},
            _("Check the webhook's address and secret at the provider; until then changes arrive with each sync."),
        )
    if facts.quarantined:
        yield (
            ngettext(
                "%(number)s record could not be read and waits in quarantine.",
                "%(number)s records could not be read and wait in quarantine.",
                facts.quarantined,
            )
            % {"number": facts.quarantined},
            _("Correct at the provider what is listed below with its reason; the next sync reads it again."),
        )


def in_words(span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 120:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    hours = minutes // 60
    if hours < 48:
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    return ngettext("%(n)s day", "%(n)s days", hours // 24) % {"n": hours // 24}
