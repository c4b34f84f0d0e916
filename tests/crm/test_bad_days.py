"""What HubSpot does to real integrations on its bad days, played by the sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Deal, DealLine
from crm.services import sync_deals
from integrations.models import Connection, ConnectionStatus, RunStatus, SyncCursor
from integrations.services.connections import connections_waiting_for_sync
from integrations.services.syncs import SyncNotPossible
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


@pytest.mark.parametrize(
    "switch",
    [
        {"rate_limit": {"kind": "ten_secondly", "retry_after": None, "times": 2}},
        {"rate_limit": {"kind": "ten_secondly", "retry_after": 3, "times": 2}},
        {"rate_limit": {"kind": "search", "retry_after": None, "times": 2}},
        {"locked_423": 2},
        {"bad_gateway_html": 2},
    ],
)
def test_what_passes_by_itself_is_waited_out(
    switch: dict[str, Any], connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.set(**switch)
    run = sync_deals(connection=connection)
    assert (run.status, run.retries) == (RunStatus.SUCCEEDED, 2)


@pytest.mark.parametrize(
    ("switch", "words", "hours"),
    [
        ({"migrating_477": {"retry_after": 43_200, "times": 99}}, "moving this account to another region", 12),
        ({"rate_limit": {"kind": "daily", "retry_after": None, "times": 99}}, "asks for fewer calls", 1),
        ({"rate_limit": {"kind": "daily", "retry_after": 999_999_999, "times": 99}}, "asks for fewer calls", 24),
    ],
)
def test_an_account_that_asks_for_hours_is_left_alone_for_them_and_read_then(
    switch: dict[str, Any], words: str, hours: int, connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.set(**switch)
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.PARTIAL
    assert words in run.sentence
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.ACTIVE
    assert connection.not_before is not None
    assert abs(connection.not_before - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)
    calls = sandbox.received()["hubspot"]["calls"]
    with pytest.raises(SyncNotPossible, match="asked not to be called before"):
        sync_deals(connection=connection)
    assert sandbox.received()["hubspot"]["calls"] == calls
    assert connection not in connections_waiting_for_sync()
    Connection.objects.update(not_before=timezone.now())
    assert connection in connections_waiting_for_sync()


def test_a_missing_scope_is_named_and_breaks_nothing(connection: Connection, sandbox: SandboxProcess) -> None:
    sandbox.set(missing_scopes=["crm.objects.line_items.read"])
    run = sync_deals(connection=connection)
    assert run.status == RunStatus.PARTIAL
    assert run.sentence.startswith("HubSpot did not grant this app ")
    assert "crm.objects.line_items.read" in run.sentence
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.ACTIVE


def test_a_deal_that_the_search_shows_late_is_found_by_the_next_window(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    sandbox.set(index_lag_s=60)
    made = sandbox.add_deal(dealname="A late one", pipeline="default", dealstage="contractsent")
    sync_deals(connection=connection, days_back=0)
    assert not Deal.objects.filter(external_id=made["id"]).exists()
    sandbox.set(index_lag_s=0)
    sync_deals(connection=connection, days_back=0)
    assert Deal.objects.filter(external_id=made["id"]).exists()


@pytest.mark.parametrize("number_ids", [True, False])
def test_association_ids_may_be_numbers_or_text(
    number_ids: bool, connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.set(number_ids=number_ids)
    sync_deals(connection=connection)
    lines = DealLine.objects.count()
    made = sandbox.add_deal([{"name": "One shelf", "quantity": "1", "price": "10"}], dealname="By search")
    sync_deals(connection=connection, days_back=0)
    assert Deal.objects.get(external_id=made["id"]).lines.count() == 1
    assert DealLine.objects.count() == lines + 1


def test_more_deals_with_one_modified_time_than_a_search_ever_shows_are_all_read(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.reset(deals=10_500, same_modified=10_300)
    SyncCursor.objects.create(connection=connection, stream="deals", complete_until=timezone.now())
    run = sync_deals(connection=connection, days_back=3000)
    assert (run.mode, run.status, run.read) == ("window", RunStatus.SUCCEEDED, 10_500)
    assert Deal.objects.count() == 10_500
