"""How many calls a second the authority gets: of one business, and of all together, from all processes."""

from __future__ import annotations

from django.conf import settings

from integrations.base.pace import SteadyPace


def paces_of(business: str) -> list[SteadyPace]:
    """Return the paces that a business's calls keep, the one of all last; "" for calls that are no business's."""
    everybody, its_own = SteadyPace("mbs", settings.MBS_CALLS_PER_SECOND), settings.MBS_CALLS_PER_SECOND_PER_BUSINESS
    if not business or not its_own:
        return [everybody]
    return [SteadyPace(f"mbs:{business}", its_own), everybody]


def held_for() -> float:
    """Return the seconds for which the authority asked to be left alone."""
    return SteadyPace("mbs", settings.MBS_CALLS_PER_SECOND).held_for()
