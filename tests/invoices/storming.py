"""A storm: workers that hand invoices in to an authority that answers badly half the time, and that die in between."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from time import sleep
from typing import Any

from django.db import connection as database
from django.db import connections
from django.utils import timezone

from tests.crm.killing import count_down

WORKERS = 2
# A worker that is let live ends by itself after this long.
SHIFT = timedelta(seconds=20)
# Above the slowest attempt here, as the real ones are above the slowest there.
LEASE = 4  # seconds
STEPS = (10, 220)  # statements and calls before a worker dies


@dataclass(slots=True)
class Storm:
    """What happened: how many workers died, and what was left at the end."""

    kills: int
    statuses: Counter[str]


def ride_out(sandbox_url: str, *, kills: int, seed: int = 1) -> Storm:
    """Let workers submit all that is due, `kills` of them to their death, until nothing is left to be settled."""
    from invoices.models import Invoice

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.invoices.storming"])
    chance, died = random.Random(seed), 0
    while _is_anything_left():
        left = kills - died
        steps = [chance.randint(*STEPS) if number < left else 0 for number in range(WORKERS)]
        died += _shift(context, sandbox_url, steps)
    return Storm(died, Counter(Invoice.objects.values_list("status", flat=True)))


def hand_in_blindly(sandbox_url: str) -> None:
    """Let a worker of the build that must not pass submit for some seconds; it would never end by itself."""
    context = multiprocessing.get_context("forkserver")
    worker = context.Process(target=submit_without_asking, args=(str(database.settings_dict["NAME"]), sandbox_url))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0


def _shift(context: ForkServerContext, url: str, steps: list[int]) -> int:
    name = str(database.settings_dict["NAME"])
    workers = [context.Process(target=submit_until_death, args=(name, url, each)) for each in steps]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    codes = [worker.exitcode for worker in workers]
    assert set(codes) <= {0, -signal.SIGKILL}, codes
    return sum(code != 0 for code in codes)


def submit_without_asking(database_name: str, sandbox_url: str) -> None:
    """Submit as the build does that takes silence for an absent answer."""
    from invoices.authority.base import Absent
    from invoices.services import attempting, submitting

    _hurry(database_name, sandbox_url)
    attempting._ask = lambda _authority, _claim: Absent()  # type: ignore[assignment]
    end = timezone.now() + timedelta(seconds=6)
    while timezone.now() < end:
        submitting.submit_due_invoices(until=end)


def _hurry(database_name: str, sandbox_url: str) -> None:
    """Aim this process at the sandbox, with waits that a test can afford."""
    from django.conf import settings

    from integrations.services import leases
    from invoices.services import attempting, breaking, submitting

    connections["default"].settings_dict["NAME"] = database_name
    settings.MBS_BASE_URL, settings.MBS_RESOLVE_WAIT_SECONDS = sandbox_url, 0.05
    settings.MBS_CALLS_PER_SECOND = settings.MBS_CALLS_PER_SECOND_PER_BUSINESS = 0
    leases.LASTS, leases.UNTIL = LEASE, f"clock_timestamp() + interval '{LEASE} seconds'"
    attempting.SENDING_LASTS, submitting.BACK_OFF = timedelta(seconds=LEASE), (0.05,)
    breaking.WAITS, breaking.PROBE = (0.05,), timedelta(seconds=LEASE)


def submit_until_death(database_name: str, sandbox_url: str, steps: int) -> None:
    """Submit what is due; die without a word at step number `steps`, or live (0)."""
    from invoices.services import submitting

    _hurry(database_name, sandbox_url)
    if steps:
        count_down(steps)
    end = timezone.now() + SHIFT
    while timezone.now() < end:
        submitting.submit_due_invoices(until=end)
        if not _is_anything_left():
            return
        sleep(0.05)


def submit_at(database_name: str, sandbox_url: str, calls_a_second: float) -> None:
    """Submit all that is due at a pace that all workers share."""
    from django.conf import settings

    from invoices.services import submitting

    connections["default"].settings_dict["NAME"] = database_name
    settings.MBS_BASE_URL = sandbox_url
    settings.MBS_CALLS_PER_SECOND = settings.MBS_CALLS_PER_SECOND_PER_BUSINESS = calls_a_second
    while submitting.has_due():
        submitting.submit_due_invoices()


def _is_anything_left() -> bool:
    from django_scopes import scopes_disabled

    from invoices.models import WAITING, Invoice, Status

    with scopes_disabled():
        return Invoice.objects.filter(status__in=[*WAITING, Status.SUBMITTING]).exists()


def drafts_for_a_storm(connection_id: int, number: int) -> list[Any]:
    """Return complete drafts; each twentieth sells half a piece, which a strict authority refuses."""
    from dataclasses import replace
    from decimal import Decimal

    from tests.invoices.making import GOODS, make_draft

    half = replace(GOODS, quantity=Decimal("0.5"), discount=Decimal(0))
    return [
        make_draft(connection_id, **({"lines": (half,), "document_discount": Decimal(0)} if each % 20 == 0 else {}))
        for each in range(number)
    ]
