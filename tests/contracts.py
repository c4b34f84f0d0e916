"""What every connector must do, as tests to inherit: a provider's class brings a connection and an outside world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.connector import CRMConnector
from crm.models import Deal
from crm.services import invoice_due_deals, sync_deals, take_census
from crm.storage import deal_hash
from integrations.base.connector import IntegrationTestResult
from integrations.base.errors import InvalidSignature, NotFound
from integrations.base.signatures import SignedRequest
from integrations.models import Connection, ConnectionStatus, RunStatus
from integrations.services.connections import connector_for
from invoices.models import Invoice
from pos.connector import POSConnector
from pos.models import Refund, Sale, SaleKey, SaleState, TerminalPayment
from pos.payment_connector import PaymentsConnector
from pos.readback import content_hash
from pos.services.invoicing import invoice_due_sales
from pos.services.paying import refresh_payments, sync_payments
from pos.services.syncing import refresh_sales, sync_sales


class Contract(ABC):
    """What connectors of every kind must do; `account` is a connection, and `world` what is behind it."""

    @abstractmethod
    def refuse(self, world: Any) -> None:
        """Accept no key any more."""

    @pytest.fixture
    def connector(self, account: Connection) -> Any:
        connector = connector_for(account)
        yield connector
        connector.close()

    def test_it_names_its_account(self, account: Connection, connector: Any) -> None:
        assert connector.authenticate().external_id == account.external_account_id

    def test_a_test_of_it_says_yes_and_once_refused_says_why_and_raises_nothing(
        self, connector: Any, world: Any
    ) -> None:
        well = connector.test_connection()
        assert isinstance(well, IntegrationTestResult)
        assert well.success
        self.refuse(world)
        ill = connector.test_connection()
        assert not ill.success
        assert ill.message.endswith((".", "again."))


@pytest.mark.django_db
@pytest.mark.usefixtures("short_waits")
class CRMContract(Contract):
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

    def test_it_is_a_crms(self, connector: Any) -> None:
        assert isinstance(connector, CRMConnector)

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


class SignedContract(Contract):
    """What connectors must do whose providers sign notices."""

    @abstractmethod
    def signed(self, account: Connection) -> SignedRequest:
        """Return a genuine notice."""

    def test_a_genuine_notice_is_accepted_and_one_with_another_byte_or_key_is_not(
        self, account: Connection, connector: Any
    ) -> None:
        genuine = self.signed(account)
        connector.verify_webhook(genuine)
        forged = {name: value[:-2] + ("A=" if value[-2:] != "A=" else "B=") for name, value in genuine.headers.items()}
        for false in (replace(genuine, body=genuine.body + b" "), replace(genuine, headers=forged)):
            with pytest.raises(InvalidSignature):
                connector.verify_webhook(false)


@pytest.mark.django_db
class POSContract(SignedContract):
    """Inherit, give the fixtures `account` (the connection of a seller who can issue invoices) and `world`."""

    @abstractmethod
    def ring_up(self, world: Any) -> str:
        """Sell something with the standard tax, and return the sale's id."""

    @abstractmethod
    def leave_open(self, world: Any) -> str:
        """Begin a sale, and return its id."""

    @abstractmethod
    def complete(self, world: Any, sale_id: str) -> None:
        """Complete a sale that was left open."""

    @abstractmethod
    def give_back(self, world: Any, sale_id: str) -> str:
        """Give all of a sale back, and return the refund's id."""

    @abstractmethod
    def ids(self, world: Any) -> set[str]:
        """Return the ids of all sales in the world, read without the connector."""

    def test_it_is_a_tills(self, connector: Any) -> None:
        assert isinstance(connector, POSConnector)

    def test_its_shops_have_names_currencies_and_time_zones(self, connector: POSConnector) -> None:
        shops = connector.get_locations()
        assert shops
        assert all(shop.name and shop.time_zone and len(shop.currency) == 3 for shop in shops)

    def test_everything_is_read_once_and_a_second_time_changes_nothing(self, account: Connection, world: Any) -> None:
        for _ in range(3):
            self.ring_up(world)
        first = sync_sales(connection=account)
        assert (first.status, first.mode, first.created) == (RunStatus.SUCCEEDED, "full", 3)
        assert set(Sale.objects.values_list("external_id", flat=True)) == self.ids(world)
        second = sync_sales(connection=account, full=True)
        assert (second.created, second.changed) == (0, 0)

    def test_a_change_is_found_by_the_window(self, account: Connection, world: Any) -> None:
        sale_id = self.leave_open(world)
        sync_sales(connection=account)
        assert Sale.objects.get(external_id=sale_id).state == SaleState.OPEN
        self.complete(world, sale_id)
        assert sync_sales(connection=account, days_back=0).mode == "window"
        assert Sale.objects.get(external_id=sale_id).state == SaleState.COMPLETED

    def test_sales_read_by_id_are_those_of_the_list_but_for_what_payments_tell(
        self, connector: POSConnector, world: Any
    ) -> None:
        ids = sorted(self.ring_up(world) for _ in range(2))
        listed = {record.external_id: record for record in connector.get_sales()}
        by_id = {record.external_id: record for record in connector.get_sales_by_id([*ids, "nothing"])}
        assert sorted(by_id) == ids, "what is not there is left out"
        for sale_id in ids:
            alone = replace(connector.get_sale_by_id(sale_id), tenders=listed[sale_id].tenders)
            assert content_hash(by_id[sale_id]) == content_hash(listed[sale_id]) == content_hash(alone)
        with pytest.raises(NotFound):
            connector.get_sale_by_id("nothing")

    def test_a_key_that_is_refused_stops_the_connection_with_a_sentence(self, account: Connection, world: Any) -> None:
        self.refuse(world)
        assert sync_sales(connection=account).status == RunStatus.PARTIAL
        account.refresh_from_db()
        assert account.status == ConnectionStatus.NEEDS_REAUTHORIZATION
        assert account.problem

    def test_each_completed_sale_is_on_one_invoice_and_an_open_one_on_none(
        self, account: Connection, world: Any
    ) -> None:
        completed = {self.ring_up(world) for _ in range(3)}
        self.leave_open(world)
        sync_sales(connection=account)
        for _ in range(2):
            invoice_due_sales(connection=account)
        made = Invoice.objects.filter(connection=account)
        assert sorted(each.source_external_id for each in made) == sorted(completed)
        assert not SaleKey.objects.filter(invoice_due=True).exists()
        for invoice in made:
            assert invoice.payable_amount == Sale.objects.get(external_id=invoice.source_external_id).total_amount

    def test_a_refund_finds_its_sale_whichever_comes_first(
        self, account: Connection, connector: POSConnector, world: Any
    ) -> None:
        sale_id = self.ring_up(world)
        refund_id = self.give_back(world, sale_id)
        assert connector.get_refund_by_id(refund_id).amount > 0
        refresh_sales(connection=account, sale_ids=[], refund_ids=[refund_id])
        refresh_sales(connection=account, sale_ids=[sale_id])
        refund = Refund.objects.get()
        assert refund.sale is not None
        assert refund.sale.external_id == sale_id

    def test_the_invoice_of_one_sale_can_be_asked_for(
        self, account: Connection, connector: POSConnector, world: Any
    ) -> None:
        sale_id = self.ring_up(world)
        draft = connector.sale_to_invoice_data(sale_id)
        assert draft.source.key == (account.pk, "sale", sale_id, "1")
        assert draft.missing == ()


@pytest.mark.django_db
class PaymentsContract(SignedContract):
    """Inherit, give the fixtures `account` (a connection to a provider of payments only) and `world`."""

    @abstractmethod
    def take(self, world: Any) -> str:
        """Take a payment, and return its reference."""

    @abstractmethod
    def give_back(self, world: Any, reference: str) -> None:
        """Give all of a payment back."""

    def test_it_is_of_payments(self, connector: Any) -> None:
        assert isinstance(connector, PaymentsConnector)

    def test_everything_is_read_once_and_a_second_time_changes_nothing(self, account: Connection, world: Any) -> None:
        taken = {self.take(world) for _ in range(3)}
        first = sync_payments(connection=account)
        assert (first.status, first.created) == (RunStatus.SUCCEEDED, 3)
        assert set(TerminalPayment.objects.values_list("reference", flat=True)) == taken
        second = sync_payments(connection=account, full=True)
        assert (second.created, second.changed) == (0, 0)

    def test_a_payment_read_alone_is_the_one_of_the_list(self, connector: PaymentsConnector, world: Any) -> None:
        reference, now = self.take(world), timezone.now()
        pages = connector.read_payments(now - timedelta(days=1), now + timedelta(minutes=1))
        [listed] = [record for page in pages for record in page.records]
        alone = connector.get_payment(reference)
        assert (alone.external_id, alone.amount, alone.state) == (listed.external_id, listed.amount, listed.state)
        with pytest.raises(NotFound):
            connector.get_payment("nothing")

    def test_what_is_given_back_is_found(self, account: Connection, world: Any) -> None:
        reference = self.take(world)
        sync_payments(connection=account)
        self.give_back(world, reference)
        sync_payments(connection=account)
        payment = TerminalPayment.objects.get()
        assert payment.refunded_amount == payment.amount

    def test_a_payment_that_is_told_of_is_stored_once(self, account: Connection, world: Any) -> None:
        reference = self.take(world)
        for _ in range(2):
            stored, hidden = refresh_payments(connection=account, references=[reference, "nothing"])
            assert (len(stored), hidden) == (1, {"nothing"})
        assert TerminalPayment.objects.count() == 1

    def test_a_key_that_is_refused_stops_the_connection_with_a_sentence(self, account: Connection, world: Any) -> None:
        self.refuse(world)
        assert sync_payments(connection=account).status == RunStatus.PARTIAL
        account.refresh_from_db()
        assert account.status == ConnectionStatus.NEEDS_REAUTHORIZATION
        assert account.problem
