"""What every connector must do, as tests to inherit: a provider's class brings a connection and an outside world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import pytest

from crm.connector import CRMConnector
from crm.models import Deal
from crm.services import invoice_due_deals, sync_deals, take_census
from crm.storage import deal_hash
from integrations.base.connector import IntegrationTestResult
from integrations.base.errors import NotFound
from integrations.models import Connection, ConnectionStatus, RunStatus
from integrations.services.connections import connector_for
from invoices.models import Invoice


@pytest.mark.django_db
@pytest.mark.usefixtures("short_waits")
class CRMContract(ABC):
    """Inherit, give the fixtures `account` (a connection) and `world`, and say how the world is changed."""

    @abstractmethod
    def deal_ids(self, world: Any) -> set[str]:
        """Return the ids of all deals in the world, read without the connector."""

    @abstractmethod
    def rename(self, world: Any, deal_id: str, name: str) -> None:
        """Rename a deal, as its people would."""

    @abstractmethod
    def spoil(self, world: Any, deal_id: str) -> None:
        """Give a deal an amount that is no number."""

    @abstractmethod
    def refuse(self, world: Any) -> None:
        """Accept no key any more."""

    @pytest.fixture
    def connector(self, account: Connection) -> Any:
        connector = connector_for(account)
        assert isinstance(connector, CRMConnector)
        yield connector
        connector.close()

    def test_it_names_its_account(self, account: Connection, connector: CRMConnector) -> None:
        assert connector.authenticate().external_id == account.external_account_id

    def test_a_test_of_it_says_yes_and_once_refused_says_why_and_raises_nothing(
        self, connector: CRMConnector, world: Any
    ) -> None:
        well = connector.test_connection()
        assert isinstance(well, IntegrationTestResult)
        assert well.success
        self.refuse(world)
        ill = connector.test_connection()
        assert not ill.success
        assert ill.message.endswith((".", "again."))

    def test_everything_is_read_once_and_a_second_time_changes_nothing(self, account: Connection, world: Any) -> None:
        first = sync_deals(connection=account)
        assert (first.status, first.mode) == (RunStatus.SUCCEEDED, "full")
        assert set(Deal.objects.values_list("external_id", flat=True)) == self.deal_ids(world)
        second = sync_deals(connection=account, full=True)
        assert (second.created, second.changed) == (0, 0)

    def test_a_change_is_found_by_the_window(self, account: Connection, world: Any) -> None:
        sync_deals(connection=account)
        changed = min(self.deal_ids(world))
        self.rename(world, changed, "Renamed shelves")
        run = sync_deals(connection=account, days_back=0)
        assert run.mode == "window"
        assert Deal.objects.get(external_id=changed).name == "Renamed shelves"

    def test_a_deal_read_alone_is_the_one_of_the_list(self, account: Connection, connector: CRMConnector) -> None:
        listed = {record.external_id: record for page in connector.read_deals({}) for record in page.records}
        for external_id in sorted(listed)[:3]:
            assert deal_hash(connector.get_deal_by_id(external_id)) == deal_hash(listed[external_id])

    def test_a_deal_that_is_not_there_is_told_as_such(self, connector: CRMConnector) -> None:
        with pytest.raises(NotFound):
            connector.get_deal_by_id("9999999")
        assert [page.gone for page in connector.read_deals_by_id(["9999999"])] == [["9999999"]]

    def test_one_spoilt_deal_is_set_aside_and_the_rest_is_read(self, account: Connection, world: Any) -> None:
        victim = min(self.deal_ids(world))
        self.spoil(world, victim)
        run = sync_deals(connection=account)
        assert (run.status, run.quarantined) == (RunStatus.PARTIAL, 1)
        assert account.quarantined.get().external_id == victim
        assert Deal.objects.count() == len(self.deal_ids(world)) - 1

    def test_a_key_that_is_refused_stops_the_connection_with_a_sentence(self, account: Connection, world: Any) -> None:
        self.refuse(world)
        assert sync_deals(connection=account).status == RunStatus.PARTIAL
        account.refresh_from_db()
        assert account.status == ConnectionStatus.NEEDS_REAUTHORIZATION
        assert account.problem

    def test_a_census_finds_both_sides_the_same(self, account: Connection) -> None:
        sync_deals(connection=account)
        assert take_census(connection=account).days == []

    def test_each_won_deal_becomes_an_invoice_or_a_draft_with_its_reason(self, account: Connection) -> None:
        sync_deals(connection=account)
        invoice_due_deals(connection=account)
        won = set(Deal.objects.won().values_list("external_id", flat=True))
        made = Invoice.objects.filter(connection=account)
        assert won
        assert {invoice.source_external_id for invoice in made} == won
        assert all(invoice.number or invoice.missing for invoice in made)

    def test_the_invoice_of_one_deal_can_be_asked_for(self, account: Connection, connector: CRMConnector) -> None:
        sync_deals(connection=account)
        won = Deal.objects.won().order_by("pk").first()
        assert won is not None
        draft = connector.deal_to_invoice_data(won.external_id)
        assert draft.source.key == (account.pk, "deal", won.external_id, "1")
