from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm import storage
from crm.connector import CRMConnector
from crm.hubspot.connector import HubSpotConnector
from crm.models import Company, Contact, Deal, DealLine, Owner, Pipeline
from crm.services import invoice_due_deals, sync_deals
from integrations.base.errors import NotFound
from integrations.models import Connection, ConnectionStatus, Quarantine, RunStatus, SyncCursor
from integrations.services.connections import connector_for
from integrations.services.syncs import SyncNotPossible
from invoices.models import Invoice
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


@pytest.fixture
def hubspot(connection: Connection) -> Iterator[CRMConnector]:
    connector = connector_for(connection)
    assert isinstance(connector, HubSpotConnector)
    yield connector
    connector.close()


def deals_at(sandbox: SandboxProcess) -> set[str]:
    """Return the ids that the sandbox's HubSpot lists, read without our client."""
    found: set[str] = set()
    after = ""
    while True:
        answer = requests.get(
            f"{sandbox.url}/crm/objects/2026-09/deals",
            params={"limit": "100", **({"after": after} if after else {})},
            headers={"Authorization": "Bearer pat-sandbox"},
            timeout=10,
        ).json()
        found |= {deal["id"] for deal in answer["results"]}
        after = answer.get("paging", {}).get("next", {}).get("after", "")
        if not after:
            return found


def test_a_full_read_stores_every_deal_with_lines_and_parties(connection: Connection, sandbox: SandboxProcess) -> None:
    run = sync_deals(connection=connection)
    assert (run.status, run.mode, run.quarantined) == (RunStatus.SUCCEEDED, "full", 0)
    assert set(Deal.objects.values_list("external_id", flat=True)) == deals_at(sandbox)
    assert run.read == run.created == sandbox.deals
    assert DealLine.objects.count() > sandbox.deals
    assert Company.objects.exists()
    assert Contact.objects.exists()
    assert Pipeline.objects.count() == 2
    assert Owner.objects.filter(is_archived=True).exists()


def test_won_deals_are_the_ones_that_the_sandbox_calls_won(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    won = {deal["deal_id"] for deal in sandbox.expected() if deal["won"]}
    assert set(Deal.objects.won().values_list("external_id", flat=True)) == won
    assert set(Deal.objects.due().values_list("external_id", flat=True)) == won


def test_a_second_read_of_unchanged_deals_writes_no_deal(connection: Connection) -> None:
    sync_deals(connection=connection)
    before = dict(Deal.objects.values_list("external_id", "stored_at"))
    run = sync_deals(connection=connection, full=True)
    assert (run.created, run.changed, run.unchanged) == (0, 0, run.read)
    assert dict(Deal.objects.values_list("external_id", "stored_at")) == before


def test_a_later_read_brings_only_what_changed_in_the_window(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    deal = Deal.objects.order_by("pk").first()
    assert deal is not None
    sandbox.edit("deals", deal.external_id, dealname="Renamed shelves")
    run = sync_deals(connection=connection, days_back=1)
    assert run.mode == "window"
    assert run.changed == 1
    deal.refresh_from_db()
    assert deal.name == "Renamed shelves"


def test_a_window_reaches_back_to_the_last_complete_read_however_few_days_are_asked_for(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    deal = Deal.objects.order_by("pk").last()
    assert deal is not None
    sandbox.edit("deals", deal.external_id, dealname="Changed during an outage")
    long_ago = timezone.now() - timedelta(days=400)
    SyncCursor.objects.update(complete_until=long_ago)
    run = sync_deals(connection=connection, days_back=0)
    assert run.read == sandbox.deals
    assert SyncCursor.objects.get().complete_until > long_ago


def test_an_older_version_never_overwrites_a_newer_one(connection: Connection, hubspot: CRMConnector) -> None:
    sync_deals(connection=connection)
    deal = Deal.objects.order_by("pk").first()
    assert deal is not None
    Deal.objects.filter(pk=deal.pk).update(
        source_updated_at=timezone.now() + timedelta(days=1), content_hash="newer", name="The newer version"
    )
    storage.save_deals(connection=connection, records=[hubspot.get_deal_by_id(deal.external_id)])
    deal.refresh_from_db()
    assert deal.name == "The newer version"


def test_lines_are_replaced_when_a_deal_changes(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    line = DealLine.objects.select_related("deal").first()
    assert line is not None
    sandbox.edit("line_items", line.external_id, name="A better shelf")
    sync_deals(connection=connection, full=True)
    assert list(DealLine.objects.filter(external_id=line.external_id).values_list("name", flat=True)) == [
        "A better shelf"
    ]


def test_a_company_that_is_completed_makes_its_won_deals_due_again(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.reset(deals=250)
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    deal = Deal.objects.won().filter(company__tin="").exclude(company=None).select_related("company").first()
    assert deal is not None
    assert deal.company is not None
    assert not deal.invoice_due
    sandbox.edit("companies", deal.company.external_id, tin="90077777-0001")
    sync_deals(connection=connection, full=True)
    deal.refresh_from_db()
    assert deal.invoice_due


def test_a_deal_that_is_no_longer_won_takes_its_draft_back(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    deal = Deal.objects.won().filter(pipeline_external_id="default").first()
    assert deal is not None
    drafts = Invoice.objects.open_drafts()
    before = drafts.count()
    assert drafts.filter(source_external_id=deal.external_id).exists()
    sandbox.edit("deals", deal.external_id, dealstage="contractsent")
    sync_deals(connection=connection)
    assert not drafts.filter(source_external_id=deal.external_id).exists()
    assert drafts.count() == before - 1


@pytest.mark.parametrize(("value", "words"), [("NaN", "not a number"), ("1e1000000", "larger than any amount")])
def test_a_deal_with_an_impossible_amount_is_quarantined_and_the_rest_goes_on(
    value: str, words: str, connection: Connection, sandbox: SandboxProcess
) -> None:
    victim = sorted(deals_at(sandbox))[3]
    sandbox.edit("deals", victim, amount=value)
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.PARTIAL
    assert run.sentence.startswith("1 record could not be read")
    assert Deal.objects.count() == sandbox.deals - 1
    held = Quarantine.objects.get()
    assert held.external_id == victim
    assert words in held.reason
    assert value in held.payload


def test_a_quarantined_deal_is_released_once_it_can_be_read(connection: Connection, sandbox: SandboxProcess) -> None:
    victim = sorted(deals_at(sandbox))[3]
    sandbox.edit("deals", victim, amount="NaN")
    sync_deals(connection=connection)
    sandbox.edit("deals", victim, amount="12.50")
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.SUCCEEDED
    assert Quarantine.objects.get().resolved_at is not None
    assert Deal.objects.get(external_id=victim).amount == Decimal("12.50")


def test_an_empty_amount_is_no_fault(connection: Connection, sandbox: SandboxProcess) -> None:
    victim = sorted(deals_at(sandbox))[3]
    sandbox.edit("deals", victim, amount="")
    assert sync_deals(connection=connection).status == RunStatus.SUCCEEDED
    assert Deal.objects.get(external_id=victim).amount is None


def test_a_page_of_broken_json_stops_the_run_as_partial_with_the_earlier_pages_kept(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.reset(deals=4300)
    seen: list[int] = []

    def break_the_rest(run: Any) -> None:
        seen.append(run.read)
        sandbox.fail_next("POST", "/crm/objects", status=200, body='{"results": [', times=50)

    run = sync_deals(connection=connection, on_page=break_the_rest)
    assert seen[0] == 1000
    assert run.status == RunStatus.PARTIAL
    assert "cannot be read (not JSON)" in run.sentence
    assert Deal.objects.count() == seen[-1] < 4000, "what was under way is stored, and nothing after it"
    sandbox.set(fail_next=[])
    sandbox.post("/_control/settings", {"limits": False})
    again = sync_deals(connection=connection)
    assert (again.status, again.read) == (RunStatus.SUCCEEDED, 4300 - seen[-1])
    assert Deal.objects.count() == 4300


def test_hubspot_out_of_reach_ends_as_partial_with_a_sentence(connection: Connection, settings: Any) -> None:
    settings.HUBSPOT_API_BASE = "http://127.0.0.1:9"
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.PARTIAL
    assert run.sentence == "HubSpot could not be reached. Nothing is lost: the next run goes on from here."
    assert SyncCursor.objects.get().complete_until is None


def test_a_withdrawn_key_stops_the_connection_and_says_what_to_do(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.fail_next("GET", "/crm", status=401, body='{"status":"error","category":"EXPIRED_AUTHENTICATION"}', times=9)
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.PARTIAL
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.NEEDS_REAUTHORIZATION
    with pytest.raises(SyncNotPossible, match="is not active"):
        sync_deals(connection=connection)


def test_a_failure_in_passing_is_repeated_and_counted(connection: Connection, sandbox: SandboxProcess) -> None:
    sandbox.fail_next("GET", "/crm/objects", status=502, body="<html>bad gateway</html>", times=2)
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.SUCCEEDED
    assert run.retries == 2


def test_counts_records_and_cursor_commit_together(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_after_saving(*args: Any, **kwargs: Any) -> Any:
        save_deals(*args, **kwargs)
        raise RuntimeError("the process fails here")

    save_deals = storage.save_deals
    monkeypatch.setattr(storage, "save_deals", break_after_saving)
    with pytest.raises(RuntimeError):
        sync_deals(connection=connection)
    assert not Deal.objects.exists()
    assert SyncCursor.objects.get().position == {}
    run = connection.runs.get()
    assert (run.status, run.read) == (RunStatus.FAILED, 0)
    assert run.sentence == f"An error of ours stopped it. Tell support: run {run.pk}."


def test_a_run_whose_worker_died_is_closed_by_the_next_one(connection: Connection) -> None:
    dead = connection.runs.create(stream="deals", mode="full")
    run = sync_deals(connection=connection)
    dead.refresh_from_db()
    assert dead.status == RunStatus.PARTIAL
    assert "cut off" in dead.sentence
    assert run.status == RunStatus.SUCCEEDED


def test_a_deal_that_is_not_there_is_told(hubspot: CRMConnector) -> None:
    with pytest.raises(NotFound):
        hubspot.get_deal_by_id("1")


def test_deals_are_filtered_by_the_provider(connection: Connection, hubspot: CRMConnector) -> None:
    sync_deals(connection=connection)
    won = hubspot.get_deals({"pipeline": "default", "stage": "closedwon"}, limit=5)
    assert len(won) == 5
    assert all(deal.is_won and deal.pipeline_external_id == "default" for deal in won)
    following = hubspot.get_deals({"pipeline": "default", "stage": "closedwon"}, limit=5, offset=won[-1].external_id)
    assert not {deal.external_id for deal in won} & {deal.external_id for deal in following}
    with pytest.raises(ValueError, match="cannot be filtered by colour"):
        hubspot.get_deals({"colour": "red"})


def test_one_deal_read_alone_equals_the_same_deal_read_in_the_list(
    connection: Connection, hubspot: CRMConnector
) -> None:
    listed = {record.external_id: record for page in hubspot.read_deals({}) for record in page.records}
    alone = hubspot.get_deal_by_id(sorted(listed)[0])
    assert storage.deal_hash(alone) == storage.deal_hash(listed[alone.external_id])


def test_a_search_brings_the_same_deals_as_the_list(hubspot: CRMConnector) -> None:
    listed = {
        record.external_id: storage.deal_hash(record) for page in hubspot.read_deals({}) for record in page.records
    }
    everything = hubspot.read_changed_deals(timezone.now() - timedelta(days=4000), timezone.now(), {})
    searched = {record.external_id: storage.deal_hash(record) for page in everything for record in page.records}
    assert searched == listed


def test_an_invoice_draft_is_made_from_the_provider_directly(
    connection: Connection, hubspot: CRMConnector, sandbox: SandboxProcess
) -> None:
    flawless = next(deal for deal in sandbox.expected() if deal["won"] and not deal["flaw"])
    draft = hubspot.deal_to_invoice_data(flawless["deal_id"])
    assert draft.missing == ()
    assert draft.buyer is not None
    assert draft.buyer.tin == flawless["buyer_tin"]


NEXT = "next_part_on"  # invoicing writes it, no read does


def test_the_columns_that_are_copied_are_the_models_columns() -> None:
    for model, columns in (
        (Deal, (*storage.SOURCE_COLUMNS, *storage.DEAL_COLUMNS, "company_id", "contact_id", "invoice_due", NEXT)),
        (Company, (*storage.SOURCE_COLUMNS, *storage.COMPANY_COLUMNS)),
        (Contact, (*storage.SOURCE_COLUMNS, *storage.CONTACT_COLUMNS)),
        (DealLine, (*storage.LINE_COLUMNS, "connection_id", "deal_id", "payload", "extra")),
    ):
        assert {field.column for field in model._meta.fields} - {"id"} == set(columns)


def test_saving_a_page_costs_the_same_few_statements_however_many_deals(
    connection: Connection, hubspot: CRMConnector
) -> None:
    records = [record for page in hubspot.read_deals({}) for record in page.records]
    storage.save_deals(connection=connection, records=records[:1])  # makes the session's own tables
    with CaptureQueriesContext(database) as few:
        storage.save_deals(connection=connection, records=records[1:6])
    with CaptureQueriesContext(database) as many:
        storage.save_deals(connection=connection, records=records[6:])
    assert len(many) == len(few) < 30
