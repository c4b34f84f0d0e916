from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm import storage
from crm.models import Deal, DealAlias
from crm.services import invoice_due_deals, refresh_deals, sync_deals
from integrations.models import Connection, RunStatus
from invoices.models import Business, Invoice, Status
from invoices.services.submitting import submit_due_invoices
from tests.crm.examples import DEAL, LINE
from tests.invoices.standing import stand_at
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


def flawless(sandbox: SandboxProcess) -> list[str]:
    """Return the ids of won deals that lack nothing."""
    return [deal["deal_id"] for deal in sandbox.expected() if deal["won"] and not deal["flaw"]]


def held(connection: Connection) -> str:
    """Return the id of a deal whose draft waits for a fact."""
    draft = Invoice.objects.open_drafts().filter(connection=connection).order_by("pk").first()
    assert draft is not None
    return draft.source_external_id


def synced(connection: Connection, **options: Any) -> None:
    sync_deals(connection=connection, **options)
    invoice_due_deals(connection=connection)


@pytest.mark.parametrize("full", [False, True])
def test_an_archived_deal_takes_its_draft_back_and_a_restored_one_comes_back(
    full: bool, connection: Connection, sandbox: SandboxProcess
) -> None:
    synced(connection)
    victim = held(connection)
    sandbox.archive("deals", victim)
    run = sync_deals(connection=connection, days_back=0, full=full)
    assert run.status == RunStatus.SUCCEEDED
    deal = Deal.objects.get(external_id=victim)
    assert deal.is_archived
    assert not deal.invoice_due
    assert not Invoice.objects.filter(source_external_id=victim).exists()
    sandbox.restore("deals", victim)
    synced(connection, days_back=0, full=full)
    deal.refresh_from_db()
    assert not deal.is_archived
    assert Invoice.objects.filter(source_external_id=victim, status=Status.DRAFT).exists()


def test_a_deal_that_vanished_altogether_is_archived_when_it_is_read_by_its_id(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    synced(connection)
    victim = held(connection)
    sandbox.archive("deals", victim)
    refresh_deals(connection=connection, external_ids=[victim, "999999999"])
    assert Deal.objects.get(external_id=victim).is_archived
    assert not Deal.objects.filter(external_id="999999999").exists()


@pytest.mark.parametrize("way", ["window", "full", "by the old id"])
def test_a_merged_deal_is_not_invoiced_a_second_time(
    way: str, connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    synced(connection)
    first, second = flawless(sandbox)[:2]
    stand_at(Invoice.objects.get(source_external_id=first), Status.SIGNED)
    before = Invoice.objects.exclude(number=None).count()
    invoice = Invoice.objects.get(source_external_id=first)
    assert invoice.number is not None
    merged = sandbox.merge(first, second)
    assert merged not in {first, second}
    if way == "by the old id":
        refresh_deals(connection=connection, external_ids=[first])
    else:
        sync_deals(connection=connection, full=way == "full")
    invoice_due_deals(connection=connection)
    assert Invoice.objects.exclude(number=None).count() == before
    draft = Invoice.objects.get(source_external_id=merged)
    assert draft.status == Status.DRAFT
    assert [missing["field"] for missing in draft.missing] == ["source.merged"]
    assert draft.missing[0]["where"].startswith("That one is invoice ")
    assert set(Deal.objects.filter(is_archived=True).values_list("external_id", flat=True)) >= {first, second}
    assert set(DealAlias.objects.values_list("external_id", flat=True)) == {first, second}


def test_a_chain_of_merges_leads_back_to_the_first_invoice(
    connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    first, second, third = flawless(sandbox)[:3]
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection, only=[first])
    stand_at(Invoice.objects.get(source_external_id=first), Status.SIGNED)
    once = sandbox.merge(first, second)
    sync_deals(connection=connection)
    twice = sandbox.merge(third, once)
    synced(connection)
    assert Invoice.objects.exclude(number=None).filter(source_external_id__in=[once, twice, second, third]).count() == 0
    assert Invoice.objects.get(source_external_id=twice).missing[0]["field"] == "source.merged"
    assert set(DealAlias.objects.values_list("external_id", flat=True)) >= {first, second, third, once}


def test_a_merged_deal_of_which_a_former_ones_invoice_is_not_handed_in_gets_one_invoice_and_voids_the_others(
    connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    synced(connection)
    first, second = flawless(sandbox)[:2]
    merged = sandbox.merge(first, second)
    synced(connection)
    standing = dict(
        Invoice.objects.filter(source_external_id__in=[first, second, merged]).values_list(
            "source_external_id", "status"
        )
    )
    assert standing == {first: Status.VOIDED, second: Status.VOIDED, merged: Status.READY}
    assert Invoice.objects.get(source_external_id=first).void_reason == "The deal was archived, deleted or merged."


def test_an_archived_deal_takes_back_an_invoice_that_is_not_handed_in_and_a_restored_one_gives_it_again(
    connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    synced(connection)
    victim = flawless(sandbox)[0]
    invoice = Invoice.objects.get(source_external_id=victim)
    sandbox.archive("deals", victim)
    sync_deals(connection=connection, days_back=0)
    assert Invoice.objects.get(pk=invoice.pk).status == Status.VOIDED
    assert submit_due_invoices()[Status.SIGNED] == Invoice.objects.filter(status=Status.SIGNED).count()
    assert invoice.irn not in sandbox.received()["mbs"]["sign_attempts"]
    sandbox.restore("deals", victim)
    synced(connection, days_back=0)
    again = Invoice.objects.get(source_external_id=victim)
    assert (again.pk, again.number, again.irn, again.status) == (invoice.pk, invoice.number, invoice.irn, Status.READY)


def test_merging_deals_of_which_none_is_invoiced_makes_one_invoice(
    connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    sync_deals(connection=connection)
    first, second = flawless(sandbox)[:2]
    merged = sandbox.merge(first, second)
    synced(connection)
    made = Invoice.objects.filter(source_external_id__in=[first, second, merged])
    assert [(invoice.source_external_id, invoice.number is not None) for invoice in made] == [(merged, True)]


def test_a_merge_that_keeps_the_primary_keeps_its_invoice(
    connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    sandbox.set(merge_keeps_primary=True)
    synced(connection)
    first, second = flawless(sandbox)[:2]
    numbers = dict(Invoice.objects.values_list("source_external_id", "number"))
    assert sandbox.merge(first, second) == first
    synced(connection)
    assert dict(Invoice.objects.values_list("source_external_id", "number")) == numbers
    assert Deal.objects.get(external_id=second).is_archived
    assert not Deal.objects.get(external_id=first).is_archived


def test_a_deal_gone_for_longer_than_the_recycle_bin_keeps_is_looked_for_no_longer(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    synced(connection)
    victim = held(connection)
    sandbox.archive("deals", victim)
    sync_deals(connection=connection, days_back=0)
    sandbox.restore("deals", victim)
    Deal.objects.filter(external_id=victim).update(stored_at=timezone.now() - timedelta(days=101))
    sync_deals(connection=connection, days_back=0)
    assert Deal.objects.get(external_id=victim).is_archived


def test_former_ids_of_a_former_deal_lead_to_the_newest_one(connection: Connection) -> None:
    def save(external_id: str, former_ids: tuple[str, ...]) -> None:
        storage.save_deals(
            connection=connection, records=[replace(DEAL, external_id=external_id, former_ids=former_ids, lines=())]
        )

    save("C", ("A", "B"))
    save("E", ("C", "D"))
    assert dict(DealAlias.objects.values_list("external_id", "deal__external_id")) == dict.fromkeys("ABCD", "E")


def test_a_deal_that_was_stored_without_its_company_gets_it_back_though_nothing_else_changed(
    connection: Connection,
) -> None:
    storage.save_deals(connection=connection, records=[replace(DEAL, companies=())])
    assert Deal.objects.get().company is None
    assert storage.save_deals(connection=connection, records=[DEAL]).changed == {DEAL.external_id}
    company = Deal.objects.get().company
    assert company is not None
    assert company.external_id == DEAL.company_external_id


def test_a_deal_listed_before_its_merge_and_stored_after_it_is_not_invoiced_beside_the_merged_one(
    connection: Connection, business: Business
) -> None:
    listed_at = timezone.now() - timedelta(seconds=20)
    merged = replace(DEAL, external_id="C", former_ids=("A", "B"))
    storage.save_deals(connection=connection, records=[merged])
    invoice_due_deals(connection=connection, only=["C"])
    former = replace(DEAL, external_id="A", lines=(replace(LINE, external_id="72"),))
    storage.save_deals(connection=connection, records=[former], read_at=listed_at)
    assert Deal.objects.get(external_id="A").is_archived
    invoice_due_deals(connection=connection)
    assert list(Invoice.objects.values_list("source_external_id", flat=True)) == ["C"]


def test_a_former_deal_that_two_transactions_let_live_is_not_invoiced_and_goes_with_the_next_read(
    connection: Connection, business: Business
) -> None:
    merged = replace(DEAL, external_id="C", former_ids=("A",))
    storage.save_deals(connection=connection, records=[merged, replace(DEAL, external_id="A", lines=())])
    invoice_due_deals(connection=connection, only=["C"])
    Deal.objects.filter(external_id="A").update(is_archived=False, invoice_due=True, stored_at=timezone.now())
    invoice_due_deals(connection=connection, only=["A"])
    assert list(Invoice.objects.values_list("source_external_id", flat=True)) == ["C"]
    assert storage.save_deals(connection=connection, records=[merged]).unchanged == 1
    assert Deal.objects.get(external_id="A").is_archived


def test_the_last_version_of_a_merged_deal_keeps_the_lines_that_moved(connection: Connection) -> None:
    line = replace(LINE, payload={"id": LINE.external_id})
    storage.save_deals(connection=connection, records=[replace(DEAL, external_id="A", lines=(line,))])
    merged = replace(DEAL, external_id="C", former_ids=("A",), lines=(line,))
    storage.save_deals(connection=connection, records=[merged])
    assert Deal.objects.get(external_id="A").versions.get().lines == [{"id": LINE.external_id}]
