"""Paystack: its facts, and how the payments that its terminals took are read.

Built from public facts and never tried live: docs/paystack.md says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings

from integrations.base.connector import Account, ConnectionConfig, ConnectorInfo, IntegrationTestResult
from integrations.base.errors import IntegrationError, PermanentError
from integrations.base.http import CallStatistics
from integrations.base.records import Notice, Page, Unreadable
from integrations.base.signatures import SignedRequest
from pos.payment_connector import PaymentsConnector
from pos.paystack import mapping, webhooks
from pos.paystack.client import PaystackClient, refunded_transaction
from pos.records import PaymentRecord

# A window is read in pieces, each of which a killed run need not read again.
PIECE = timedelta(days=7)


class PaystackConnector(PaymentsConnector):
    """Reads the payments of one Paystack account."""

    info = ConnectorInfo(
        slug="paystack",
        name="Paystack",
        category="pos",
        stream="payments",
        sync_task="pos.tasks.sync_payments_of",
        record_task="pos.tasks.process_payment",
        accepts_service_key=True,
        has_consent=False,
        key_help="Copy the account's secret key (it begins with sk_) from the Paystack dashboard under Settings, API "
        "Keys & Webhooks, and paste it here. It is stored encrypted and never shown again. Paystack signs its notices "
        "with it too: the connection's page then shows the webhook address to enter there.",
        disconnect_by_hand="Remove the webhook address in the Paystack dashboard under Settings, API Keys & Webhooks.",
        webhook_task="pos.tasks.process_payment_events",
        has_own_address=True,
        is_untried=True,
    )

    def __init__(self, connection_config: ConnectionConfig) -> None:
        super().__init__(connection_config)
        self.client = PaystackClient(connection_config.credentials, urgent=connection_config.urgent)

    @property
    def first_read(self) -> timedelta:
        """Return how far back the first read goes."""
        return timedelta(days=settings.PAYSTACK_FIRST_READ_DAYS)

    @property
    def overlap(self) -> timedelta:
        """Return how much is read again: whether a window is of the making or the paying is not known."""
        return timedelta(hours=settings.PAYSTACK_OVERLAP_HOURS)

    @classmethod
    def verify_webhook(cls, request: SignedRequest) -> None:
        """Accept what was signed with the account's own key."""
        webhooks.check_paystack(request)

    @classmethod
    def parse_webhook(cls, body: bytes) -> list[Notice]:
        """Return the event of a delivery."""
        return webhooks.parse_paystack(body)

    @classmethod
    def payments_touched_by(cls, payload: str) -> frozenset[str]:
        """Return the references of the payments that an event says to read again."""
        return webhooks.touched_by(orjson.loads(payload))

    @property
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""
        return self.client.statistics

    def close(self) -> None:
        """Close the pooled connections."""
        self.client.close()

    def authenticate(self) -> Account:
        """Return the account that the key opens, by what its own terminals and customers say.

        No call is known that names an account, so one with neither cannot be told from another: PermanentError.
        """
        found = self.client.first_of("/terminal") or self.client.first_of("/customer")
        number = found.get("integration") if found else None
        if found is None or isinstance(number, bool) or not isinstance(number, int | str) or not str(number):
            raise PermanentError(
                "Paystack accepts this key and does not say which account it opens: the account has no terminal and "
                "no customer yet. Nothing was connected. Take a first payment at a terminal, then connect again.",
                provider="paystack",
            )
        is_test = found.get("domain") == "test"
        return Account(
            external_id=f"{number}-test" if is_test else str(number),
            name=f"Paystack {number}{' (test)' if is_test else ''}",
            facts={"integration": str(number), "domain": str(found.get("domain") or "")},
        )

    def test_connection(self) -> IntegrationTestResult:
        """Ask whose the key is."""
        try:
            account = self.authenticate()
        except IntegrationError as problem:
            return IntegrationTestResult(False, problem.sentence, problem=problem)
        facts: dict[str, Any] = {"account": account.external_id, "currency": account.currency}
        facts["time_zone"] = account.time_zone
        return IntegrationTestResult(True, f"{account.name} answers, and its payments can be read.", facts)

    def get_payment(self, reference: str) -> PaymentRecord:
        """Return one payment as it is now, with what was given back of it; raises NotFound."""
        return self._whole(self.client.verify(reference))

    def read_payments(self, since: datetime, until: datetime, position: str = "") -> Iterator[Page]:
        """Yield the transactions of a window, a week of them after the other."""
        start = max(since, datetime.fromisoformat(position)) if position else since
        while start < until:
            end = min(start + PIECE, until)
            for raws in self.client.list_transactions(start, end):
                yield self._page(raws, start)
            yield Page([], {"after": end.isoformat()})
            start = end

    def read_refunded(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield, as they are now, the transactions whose refunds were made in a window."""
        for refunds in self.client.list_refunds(since, until):
            ids = {refunded_transaction(each) for each in refunds} - {""}
            records, unreadable = [], []
            for transaction_id in sorted(ids):
                try:
                    records.append(self._whole(self.client.get_transaction(transaction_id)))
                except PermanentError as problem:
                    unreadable.append(Unreadable(transaction_id, problem.sentence, {"id": transaction_id}))
            yield Page(records, {}, unreadable)

    def _whole(self, raw: dict[str, Any]) -> PaymentRecord:
        try:
            return mapping.to_payment(raw, _names(), self.client.refunds_of(str(raw.get("id") or "")))
        except mapping.Unmappable as problem:
            raise PermanentError(str(problem), provider="paystack") from problem

    def _page(self, raws: list[dict[str, Any]], start: datetime) -> Page:
        records: list[Any] = []
        unreadable = []
        for raw in raws:
            try:
                records.append(mapping.to_payment(raw, _names()))
            except mapping.Unmappable as problem:
                # Single ones are read by their reference.
                known_by = str(raw.get("reference") or raw.get("id") or "")[:100]
                unreadable.append(Unreadable(known_by, str(problem), raw))
        return Page(records, {"after": start.isoformat()}, unreadable)


def _names() -> mapping.FieldNames:
    return mapping.FieldNames(settings.PAYSTACK_TERMINAL_FIELDS, settings.PAYSTACK_INVOICE_FIELDS)
