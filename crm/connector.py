"""What every CRM connector adds to the base: reading deals."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from crm.census import Figure
from crm.converters import deal_to_draft
from crm.records import DealRecord, InvoiceFacts, NotReadable, OwnerRecord, PipelineRecord
from integrations.base.connector import BaseConnector
from integrations.base.errors import NotFound, PermanentError
from integrations.base.http import CallStatistics
from integrations.base.records import Page, Unreadable
from invoices.drafts import InvoiceDraft
from invoices.services.law import law_in_force


class CRMConnector(BaseConnector):
    """Reads one account's deals, with their lines and parties.

    What is abstract every provider needs. The rest works by what is abstract, and is overridden by a provider that has
    a quicker way or a recycle bin.
    """

    write_scopes: ClassVar[tuple[str, ...]] = ()  # what write_invoice_facts needs; empty: it cannot be written to

    @property
    @abstractmethod
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""

    @abstractmethod
    def get_pipelines(self) -> list[PipelineRecord]:
        """Return the pipelines and their stages."""

    @abstractmethod
    def get_deals(
        self, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: str = ""
    ) -> list[DealRecord]:
        """Return up to `limit` deals that match, with their lines and parties."""

    @abstractmethod
    def get_deal_by_id(self, deal_id: str) -> DealRecord:
        """Return one deal as it is now; raises NotFound and NotReadable."""

    @abstractmethod
    def read_deals(self, position: dict[str, Any]) -> Iterator[Page]:
        """Yield every deal, from a position that an earlier page carried ({} for the start)."""

    @abstractmethod
    def read_changed_deals(self, since: datetime, until: datetime, position: dict[str, Any]) -> Iterator[Page]:
        """Yield deals changed in the window, both ends included."""

    def get_owners(self) -> list[OwnerRecord]:
        """Return the salespeople, none where the provider does not tell."""
        return []

    def count_deals(self, filters: Mapping[str, Any]) -> int | None:
        """Return how many deals match by the provider's own count, None where it does not tell."""
        return None

    def deal_to_invoice_data(self, deal_id: str) -> InvoiceDraft:
        """Return the invoice that a deal would make, read anew; what it lacks is named in it."""
        deal = self.get_deal_by_id(deal_id)
        connection_id = self.config.connection_id or 0
        return deal_to_draft(deal, connection_id=connection_id, provider=self.info.name, tax=law_in_force().tax)

    def read_deals_by_id(self, external_ids: Sequence[str]) -> Iterator[Page]:
        """Yield these deals as they are now; `gone` names the ids that are archived or deleted."""
        for external_id in dict.fromkeys(external_ids):
            try:
                yield Page([self.get_deal_by_id(external_id)], {})
            except NotFound:
                yield Page([], {}, gone=[external_id])
            except NotReadable as problem:
                yield Page([], {}, [Unreadable(external_id, str(problem), {})])

    def read_changed_parties(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield companies and contacts that changed in the window by themselves, as the `parties` of pages.

        Nothing where a deal's own change time moves with its buyer's. One that cannot be read is left out: the deals
        that stand on it are set aside when they are read.
        """
        return iter(())

    def read_archived_ids(self) -> Iterator[list[str]]:
        """Yield the ids of all archived deals, some at a time; nothing where the provider has no recycle bin."""
        return iter(())

    def read_figures(self) -> Iterator[list[Figure]]:
        """Yield what a census needs of every deal, some at a time."""
        for page in self.read_deals({}):
            unreadable = [Figure(each.external_id, None, "", None, is_readable=False) for each in page.unreadable]
            yield [to_figure(record) for record in page.records] + unreadable

    def write_invoice_facts(self, external_id: str, facts: InvoiceFacts) -> None:
        """Write a deal's invoice onto the deal; the same facts twice are harmless. Raises IntegrationError."""
        raise PermanentError(f"{self.info.name} cannot be written to.", provider=self.info.slug)


def to_figure(deal: DealRecord) -> Figure:
    """Return what a census needs of a deal that was read."""
    return Figure(deal.external_id, deal.amount, deal.currency, deal.close_date, deal.source_updated_at)
