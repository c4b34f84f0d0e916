from __future__ import annotations

import multiprocessing
import random
import signal
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connection as database
from django.utils import timezone

from crm.models import Company, Contact, Deal, DealLine
from integrations.models import Connection, Lease, SyncCursor
from invoices.models import Business, Invoice
from tests.crm.killing import sync_and_die
from tests.invoices.standing import unguarded
from tests.sandbox_process import SandboxProcess

TRIALS, DEALS, STEPS = 50, 22, 220


def at_the_provider(sandbox: SandboxProcess) -> dict[str, set[str]]:
    """Return the ids of deals, lines and the parties that can be stored, read without our client."""
    answer = requests.get(
        f"{sandbox.url}/crm/objects/2026-09/deals",
        params={"limit": "100", "associations": "companies,contacts,line_items"},
        headers={"Authorization": "Bearer pat-sandbox"},
        timeout=10,
    ).json()
    found: dict[str, set[str]] = {"deals": set(), "lines": set(), "companies": set(), "contacts": set()}
    for deal in answer["results"]:
        found["deals"].add(deal["id"])
        linked = deal.get("associations", {})
        found["lines"].update(entry["id"] for entry in linked.get("line items", {}).get("results", []))
        found["contacts"].update(entry["id"] for entry in linked.get("contacts", {}).get("results", [])[:1])
        companies = linked.get("companies", {}).get("results", [])
        primary = [entry["id"] for entry in companies if entry["type"] == "deal_to_company"]
        found["companies"].update(primary or {entry["id"] for entry in companies})
    return found


def let_the_lease_end() -> None:
    """Do what waiting does: the dead session's transaction is rolled back, and its lease ends."""
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))


def stored() -> dict[str, set[str]]:
    models: dict[str, Any] = {"deals": Deal, "lines": DealLine, "companies": Company, "contacts": Contact}
    return {name: set(model.objects.values_list("external_id", flat=True)) for name, model in models.items()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(5))
def test_runs_that_are_killed_anywhere_end_with_just_what_the_provider_has(
    part: int, connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crm.killing"])
    kills = 0
    for trial in range(part, TRIALS, 5):
        sandbox.reset(deals=DEALS, seed=trial)
        with unguarded():
            Invoice.objects.all().delete()
        for model in (Deal, Company, Contact, SyncCursor):
            model.objects.all().delete()
        chance = random.Random(trial)
        died = True
        while died:
            steps = chance.randint(10, STEPS)
            name = str(database.settings_dict["NAME"])
            process = context.Process(target=sync_and_die, args=(name, sandbox.url, connection.pk, steps))
            process.start()
            process.join(60)
            assert process.exitcode in {0, -signal.SIGKILL}
            died = process.exitcode != 0
            kills += died
            let_the_lease_end()
        assert stored() == at_the_provider(sandbox), f"trial {trial}"
        won = set(Deal.objects.won().values_list("external_id", flat=True))
        assert Counter(Invoice.objects.values_list("source_external_id", flat=True)) == Counter(won)
        numbers = sorted(int(n[-6:]) for n in Invoice.objects.exclude(number=None).values_list("number", flat=True))
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    assert kills >= TRIALS // 5, "a test of kills that kills nothing says nothing"
