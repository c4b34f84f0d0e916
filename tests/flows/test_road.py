"""The whole main job, from the CRM to the authority, judged by the sandbox's own books."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connections
from django_scopes import scope

from accounts.models import Organization
from crm.hubspot.tasks import process_hubspot_deal, sync_hubspot_deals
from crm.models import Deal
from crm.services import invoice_due_deals, sync_deals
from crm.tasks import invoice_waiting_deals
from dev.verdict import compare
from integrations.base import http
from integrations.models import Connection, ConnectionStatus, SyncRun
from integrations.services.syncs import SyncNotPossible
from invoices.models import Business, Invoice, Status
from invoices.services.submitting import submit_due_invoices
from tests.invoices.making import make_business
from tests.sandbox_process import SandboxProcess


@pytest.fixture
def business(organization: Organization, sandbox: SandboxProcess, settings: Any) -> Business:
    settings.MBS_RESOLVE_WAIT_SECONDS = 0
    return make_business(organization, sandbox.get("/_control/businesses")[0])


@pytest.mark.parametrize("deals", [250])
def test_every_won_and_complete_deal_is_signed_exactly_once_and_the_rest_is_held_with_its_reason(
    deals: int, connection: Connection, business: Business, sandbox: SandboxProcess
) -> None:
    sandbox.reset(deals=deals)
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    submit_due_invoices()
    expected = sandbox.expected()
    assert compare(sandbox.received()["mbs"], expected) == []
    held = {deal["deal_id"] for deal in expected if deal["won"] and deal["flaw"]}
    drafts = Invoice.objects.open_drafts()
    assert set(drafts.values_list("source_external_id", flat=True)) == held
    assert all(draft.missing and all(fact["where"] for fact in draft.missing) for draft in drafts)
    assert {deal["flaw"] for deal in expected if deal["flaw"]} >= {"no_tin", "no_line_items", "foreign_currency"}


def test_numbers_have_no_gap(connection: Connection, business: Business) -> None:
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    numbers = sorted(Invoice.objects.exclude(number=None).values_list("number", flat=True))
    assert numbers == [f"{business.number_prefix}{number:06d}" for number in range(1, len(numbers) + 1)]


def test_syncing_and_invoicing_again_makes_nothing_new(
    connection: Connection, business: Business, sandbox: SandboxProcess
) -> None:
    for _ in range(2):
        sync_deals(connection=connection, full=True)
        Deal.objects.won().update(invoice_due=True)
        invoice_due_deals(connection=connection)
        submit_due_invoices()
    assert compare(sandbox.received()["mbs"], sandbox.expected()) == []
    assert max(sandbox.received()["mbs"]["sign_attempts"].values()) == 1


def test_a_held_deal_is_signed_once_its_fact_is_filled_in(
    connection: Connection, business: Business, sandbox: SandboxProcess
) -> None:
    sandbox.reset(deals=250)
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    flawed = next(deal for deal in sandbox.expected() if deal["won"] and deal["flaw"] == "no_tin")
    held = Invoice.objects.get(source_external_id=flawed["deal_id"])
    assert [fact["label"] for fact in held.missing] == ["The buyer's TIN"]
    company = Deal.objects.get(external_id=flawed["deal_id"]).company
    assert company is not None
    sandbox.edit("companies", company.external_id, tin="90012399-0001")
    process_hubspot_deal(flawed["deal_id"], connection.pk)
    held.refresh_from_db()
    assert held.status == Status.READY
    assert held.buyer_tin == "90012399-0001"


@pytest.mark.parametrize(
    ("kind", "properties", "words"),
    [
        ("line_items", {"price": "-5"}, "negative price"),
        ("companies", {"country": "Naija"}, "Naija"),
    ],
)
def test_bad_facts_are_held_with_a_sentence_and_never_invoiced(
    kind: str,
    properties: dict[str, str],
    words: str,
    connection: Connection,
    business: Business,
    sandbox: SandboxProcess,
) -> None:
    sync_deals(connection=connection)
    good = next(deal for deal in sandbox.expected() if deal["won"] and not deal["flaw"])
    deal = Deal.objects.get(external_id=good["deal_id"])
    assert deal.company is not None
    line = deal.lines.first()
    assert line is not None
    sandbox.edit(kind, line.external_id if kind == "line_items" else deal.company.external_id, **properties)
    process_hubspot_deal(good["deal_id"], connection.pk)
    invoice = Invoice.objects.get(source_external_id=good["deal_id"])
    assert invoice.status == Status.DRAFT
    assert words in str(invoice.missing)


def test_the_task_reads_invoices_and_says_how_it_went(connection: Connection, business: Business) -> None:
    assert sync_hubspot_deals(connection.pk) == "Everything was read."
    assert Invoice.objects.filter(status=Status.READY).exists()
    assert not Deal.objects.due().exists()


def test_a_task_for_a_connection_that_is_gone_says_so(organization: Organization) -> None:
    assert sync_hubspot_deals(987654) == "There is no connection 987654."
    assert process_hubspot_deal.run("1", 987654) == "There is no connection 987654."


def test_the_sweep_finds_deals_that_nobody_invoiced(connection: Connection, business: Business) -> None:
    sync_deals(connection=connection)
    waiting = Deal.objects.due().count()
    assert waiting
    assert invoice_waiting_deals() == waiting
    assert not Deal.objects.due().exists()


def test_deals_wait_as_drafts_until_the_seller_is_known_and_go_on_then(
    connection: Connection, sandbox: SandboxProcess, settings: Any
) -> None:
    from invoices.services.issuing import reissue_held

    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    assert set(Invoice.objects.values_list("status", flat=True)) == {Status.DRAFT}
    make_business(connection.organization, sandbox.get("/_control/businesses")[0])
    reissue_held(organization=connection.organization)
    submit_due_invoices()
    assert compare(sandbox.received()["mbs"], sandbox.expected()) == []


@pytest.mark.django_db(transaction=True)
def test_two_syncs_of_one_connection_do_not_run_at_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[str] = []

    def second(_run: SyncRun) -> None:
        def attempt() -> None:
            try:
                with scope(organization=connection.organization):
                    sync_deals(connection=Connection.objects.get(pk=connection.pk))
            except SyncNotPossible as refusal:
                refusals.append(str(refusal))
            finally:
                connections.close_all()

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(20)

    run = sync_deals(connection=connection, on_page=second)
    assert run.status == "succeeded"
    assert refusals
    assert all("already running" in refusal for refusal in refusals)


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_invoice_the_same_deals_make_each_invoice_once(
    connection: Connection, business: Business
) -> None:
    sync_deals(connection=connection)
    won = Deal.objects.won().count()

    def invoice() -> None:
        try:
            with scope(organization=connection.organization):
                invoice_due_deals(connection=connection)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=invoice) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sources = Counter(Invoice.objects.values_list("source_external_id", flat=True))
    assert len(sources) == won
    assert max(sources.values()) == 1


def test_a_deal_that_the_provider_does_not_answer_for_is_tried_again_later(
    connection: Connection, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.base.errors import TransientError

    monkeypatch.setattr(http, "MAX_WAIT", 0.01)
    sandbox.fail_next("GET", "/crm/objects", status=503, body="", times=9)
    with pytest.raises(TransientError):
        process_hubspot_deal.run("1", connection.pk)


def test_a_paused_connection_is_left_alone_by_its_tasks(connection: Connection) -> None:
    Connection.objects.update(status=ConnectionStatus.PAUSED)
    assert "nothing was read" in sync_hubspot_deals(connection.pk)
