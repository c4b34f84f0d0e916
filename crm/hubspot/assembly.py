"""Puts deals together from HubSpot's separate answers: the deal, its associations, its lines and its parties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from crm.hubspot import mapping
from crm.hubspot.client import BATCH, HubSpotClient
from crm.hubspot.search import changed_parties_query
from crm.records import CompanyRecord, ContactRecord, DealRecord, LineRecord
from integrations.base.errors import InvalidResponse
from integrations.base.records import Page, Unreadable

logger = structlog.get_logger(__name__)

KINDS = ("companies", "contacts", "line_items")
INLINE_KEY = {"companies": "companies", "contacts": "contacts", "line_items": "line items"}


def with_ids(raws: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records; raises InvalidResponse when one has no id, by which it could be told from the others."""
    if not all(isinstance(raw, dict) and raw.get("id") for raw in raws):
        raise InvalidResponse("HubSpot sent a record without an id.", provider="hubspot")
    return raws


@dataclass(slots=True)
class RawDeals:
    """Deals as HubSpot sent them, with the ids around each; `missing` names what must still be asked for.

    `read_at` is when the last of them was listed: what is around them is read after that.
    """

    raws: list[dict[str, Any]]
    companies: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    contacts: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    read_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def from_inline(cls, raws: list[dict[str, Any]]) -> RawDeals:
        """Take the associations that came inline; a list that HubSpot cut at 100 is asked for again in full."""
        deals = cls(with_ids(raws))
        for raw in raws:
            deal_id = str(raw["id"])
            deals.companies[deal_id] = mapping.inline_companies(raw)
            deals.contacts[deal_id] = mapping.inline_ids(raw, "contacts")
            deals.lines[deal_id] = mapping.inline_ids(raw, "line items")
            for kind in KINDS:
                if mapping.is_cut(raw, INLINE_KEY[kind]):
                    deals.missing.setdefault(kind, []).append(deal_id)
        return deals

    @classmethod
    def without_associations(cls, raws: list[dict[str, Any]]) -> RawDeals:
        """Take deals from a search, which brings no associations."""
        ids = [str(raw["id"]) for raw in with_ids(raws)]
        return cls(raws, missing=dict.fromkeys(KINDS, ids) if ids else {})

    def completed(self, client: HubSpotClient) -> RawDeals:
        """Ask for the associations that are missing, and return the same deals with them."""
        for kind, deal_ids in self.missing.items():
            for batch in batches(deal_ids):
                found = client.read_associations(kind, batch)
                for deal_id in batch:
                    self._take(kind, deal_id, found.get(deal_id, []))
        self.missing = {}
        return self

    def _take(self, kind: str, deal_id: str, entries: list[dict[str, Any]]) -> None:
        ids = list(dict.fromkeys(str(entry["toObjectId"]) for entry in entries))
        if kind == "companies":
            self.companies[deal_id] = mapping.associated_companies(entries)
        elif kind == "contacts":
            self.contacts[deal_id] = ids
        else:
            self.lines[deal_id] = ids


@dataclass(slots=True)
class PartyMemory:
    """The parties that this run has stored: a buyer of a thousand deals is fetched once."""

    companies: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)

    def keep(self, records: Iterable[DealRecord]) -> None:
        """Remember the parties of deals that are stored; those of a quarantined deal must be fetched again."""
        for record in records:
            self.companies.update(company.external_id for company in record.companies)
            self.contacts.update(contact.external_id for contact in record.contacts)


@dataclass(slots=True)
class Parts:
    """Lines and parties as HubSpot sent them, by id; parties of earlier pages are not repeated."""

    lines: dict[str, dict[str, Any]]
    companies: dict[str, dict[str, Any]]
    contacts: dict[str, dict[str, Any]]


def batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """Yield the ids in HubSpot's batch size."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def fetch_parts(
    client: HubSpotClient,
    names: mapping.PropertyNames,
    deals: RawDeals,
    pool: ThreadPoolExecutor,
    memory: PartyMemory,
) -> Parts:
    """Fetch lines, and chosen parties not stored in this run, some calls at a time; raises what a failing call raises.

    Of a deal's parties only the one is fetched that can be its buyer: a company that is not primary is no fact of it.
    """
    chosen = {mapping.choose_company(found)[0] for found in deals.companies.values()} - {""} - memory.companies
    first = {ids[0] for ids in deals.contacts.values() if ids} - memory.contacts
    wanted = {
        "line_items": (_distinct(deals.lines.values()), names.of_line()),
        "companies": (sorted(chosen), names.of_company()),
        "contacts": (sorted(first), names.of_contact()),
    }
    calls: dict[str, list[Future[list[dict[str, Any]]]]] = {
        kind: [pool.submit(client.batch_read, kind, batch, properties) for batch in batches(ids)]
        for kind, (ids, properties) in wanted.items()
    }
    found = {
        kind: {str(raw["id"]): raw for call in futures for raw in call.result()} for kind, futures in calls.items()
    }
    return Parts(found["line_items"], found["companies"], found["contacts"])


def changed_parties(
    client: HubSpotClient, names: mapping.PropertyNames, since: datetime, until: datetime
) -> Iterator[Page]:
    """Yield the companies, then the contacts, that changed in a window; one that cannot be read is left out.

    Raises what a failing call raises.
    """
    for kind, properties, to_record in (
        ("companies", names.of_company(), partial(mapping.to_company, names=names)),
        ("contacts", names.of_contact(), partial(mapping.to_contact, names=names)),
    ):
        read_at = datetime.now(UTC)
        for raws in client.walk(kind, partial(changed_parties_query, kind, since, until, properties)):
            yield Page([], {}, parties=list(_readable(raws, to_record)), read_at=read_at)
            read_at = datetime.now(UTC)


def _readable(
    raws: Iterable[dict[str, Any]], to_record: Callable[[dict[str, Any]], CompanyRecord | ContactRecord]
) -> Iterator[CompanyRecord | ContactRecord]:
    for raw in with_ids(list(raws)):
        try:
            yield to_record(raw)
        except mapping.NotReadable as problem:
            logger.warning("changed_party_not_readable", party=str(raw["id"]), reason=str(problem))


def _distinct(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(i for ids in lists for i in ids))


def assemble(
    deals: RawDeals, context: mapping.AccountContext, parts: Parts, memory: PartyMemory | None = None
) -> tuple[list[DealRecord], list[Unreadable]]:
    """Return the deals with lines and parties, and those that cannot be read with the reason.

    A deal whose line or buyer cannot be read is not readable itself: half a deal would make a wrong invoice. `memory`
    names the parties that are stored already and do not come again; those of the deals returned are added to it.
    """
    memory = memory if memory is not None else PartyMemory()
    records: list[DealRecord] = []
    unreadable: list[Unreadable] = []
    for raw in deals.raws:
        deal_id = str(raw["id"])
        try:
            records.append(_assemble_one(raw, deal_id, deals, context, parts, memory))
        except mapping.NotReadable as problem:
            unreadable.append(Unreadable(deal_id, f"Deal {deal_id}: {problem}", raw))
        except Exception as problem:  # one record of an unexpected form must not stop the thousand beside it
            logger.warning("deal_of_unexpected_form", deal=deal_id, reason=repr(problem))
            unreadable.append(Unreadable(deal_id, f"Deal {deal_id} has a form that is not HubSpot's.", raw))
    memory.keep(records)
    return records, unreadable


def _assemble_one(
    raw: dict[str, Any],
    deal_id: str,
    deals: RawDeals,
    context: mapping.AccountContext,
    parts: Parts,
    memory: PartyMemory,
) -> DealRecord:
    company, question = mapping.choose_company(deals.companies.get(deal_id, []))
    contact_ids = deals.contacts.get(deal_id, [])
    if company and company not in parts.companies and company not in memory.companies:
        raise mapping.NotReadable(f"its company {company} was removed while it was read.")
    record = mapping.to_deal(
        raw,
        context,
        lines=_lines(deals.lines.get(deal_id, []), context.names, parts),
        company=(company, question),
        contact_id=contact_ids[0] if contact_ids else "",
    )
    return replace(
        record,
        companies=_companies(company, context.names, parts),
        contacts=_contacts(contact_ids, context.names, parts),
    )


def _lines(ids: list[str], names: mapping.PropertyNames, parts: Parts) -> list[LineRecord]:
    lines = []
    for line_id in ids:
        if line_id not in parts.lines:
            raise mapping.NotReadable(f"its line {line_id} was removed while it was read.")
        try:
            lines.append(mapping.to_line(parts.lines[line_id], names))
        except mapping.NotReadable as problem:
            raise mapping.NotReadable(f"on line {line_id}, {problem}") from problem
    return lines


def _companies(company_id: str, names: mapping.PropertyNames, parts: Parts) -> tuple[CompanyRecord, ...]:
    raw = parts.companies.get(company_id)
    return (mapping.to_company(raw, names),) if raw else ()


def _contacts(ids: list[str], names: mapping.PropertyNames, parts: Parts) -> tuple[ContactRecord, ...]:
    raw = parts.contacts.get(ids[0]) if ids else None
    return (mapping.to_contact(raw, names),) if raw else ()
