"""What a terminal's connector adds to the base: payments without a sale, which are matched to invoices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime, timedelta

from integrations.base.connector import BaseConnector
from integrations.base.http import CallStatistics
from integrations.base.records import Page
from pos.records import PaymentRecord


class PaymentsConnector(BaseConnector):
    """Reads the payments of one account; they have no lines and no taxes, so they never become invoices."""

    @property
    @abstractmethod
    def first_read(self) -> timedelta:
        """Return how far back the first read goes."""

    @property
    @abstractmethod
    def overlap(self) -> timedelta:
        """Return how much of what was read before is read again each time."""

    @classmethod
    def payments_touched_by(cls, payload: str) -> frozenset[str]:
        """Return the references of the payments that an event says to read again; it never says what is there."""
        return frozenset()

    @property
    @abstractmethod
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""

    @abstractmethod
    def get_payment(self, reference: str) -> PaymentRecord:
        """Return one payment as it is now, with what was given back of it; raises NotFound."""

    @abstractmethod
    def read_payments(self, since: datetime, until: datetime, position: str = "") -> Iterator[Page]:
        """Yield the payments of a window, both ends included, from a position that a page carried.

        A page's cursor is {"after": its position}.
        """

    @abstractmethod
    def read_refunded(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield, as they are now, the payments of which something was given back in a window."""
