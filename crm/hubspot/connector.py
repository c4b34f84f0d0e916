"""HubSpot: its facts, and how its deals are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from crm.census import Figure
from crm.connector import CRMConnector
from crm.events import effects_of
from crm.hubspot import mapping, trial, webhooks, writeback
from crm.hubspot.assembly import Parts, PartyMemory, RawDeals, assemble, batches, changed_parties, fetch_parts, with_ids
from crm.hubspot.client import BATCH, SEARCH_PAGE, HubSpotClient, next_after
from crm.hubspot.search import changed_deals_query, deals_query
from crm.hubspot.versions import versions_in_use
from crm.records import DealRecord, InvoiceFacts, OwnerRecord, PipelineRecord
from integrations.base.connector import (
    Account,
    ConnectionConfig,
    ConnectorInfo,
    IntegrationTestResult,
    OAuthEndpoints,
    VersionInUse,
)
from integrations.base.errors import (
    IntegrationError,
    InvalidResponse,
    NotFound,
    RequestRejected,
)
from integrations.base.http import CallStatistics
from integrations.base.records import Notice, Page
from integrations.base.signatures import SignedRequest

PAGES_A_TRANSACTION = 10  # about 1,000 deals: below that a transaction's fixed cost shows, above it memory grows
FETCHERS = 4  # beside the one lister; more gained nothing against a limit of 110 calls in 10 s
CODE_REFUSED = frozenset({"BAD_AUTH_CODE", "EXPIRED_AUTH_CODE", "MISMATCH_REDIRECT_URI_AUTH_CODE", "BAD_REDIRECT_URI"})
GRANT_GONE = frozenset({"BAD_REFRESH_TOKEN", "BAD_HUB"})
ASSOCIATIONS = ("companies", "contacts", "line_items")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Deals with their parts, the cursor after them, and the listing that goes on from there."""

    deals: RawDeals
    parts: Parts
    after: str
    listing: Future[tuple[RawDeals, str]] | None


class HubSpotConnector(CRMConnector):
    """Reads the deals of one HubSpot account."""

    info = ConnectorInfo(
        slug="hubspot",
        name="HubSpot",
        category="crm",
        stream="deals",
        sync_task="crm.hubspot.tasks.sync_hubspot_deals",
        preview_task="crm.hubspot.tasks.preview_hubspot_deals",
        record_task="crm.hubspot.tasks.process_hubspot_deal",
        accepts_service_key=True,
        disconnect_by_hand=(
            "Remove the app in HubSpot under Settings, Integrations, Connected apps; delete a service key under "
            "Settings, Integrations, Service keys."
        ),
        webhook_task="crm.hubspot.tasks.process_hubspot_events",
    )
    scopes = (
        "oauth",
        "crm.objects.deals.read",
        "crm.objects.line_items.read",
        "crm.objects.companies.read",
        "crm.objects.contacts.read",
    )
    optional_scopes = ("crm.objects.owners.read",)
    write_scopes = ("crm.objects.deals.write", "crm.schemas.deals.write")

    def __init__(self, connection_config: ConnectionConfig) -> None:
        super().__init__(connection_config)
        self.client = HubSpotClient(connection_config.credentials, urgent=connection_config.urgent)
        self.names = mapping.PropertyNames.from_options(connection_config.options)

    @classmethod
    def oauth(cls) -> OAuthEndpoints:
        """Return HubSpot's dated OAuth endpoints; version 1 ends on 2027-02-16."""
        token = f"{settings.HUBSPOT_API_BASE}/oauth/{settings.HUBSPOT_OAUTH_VERSION}/token"
        return OAuthEndpoints(
            authorize_url=f"{settings.HUBSPOT_APP_BASE}/oauth/authorize",
            token_url=token,
            introspect_url=f"{token}/introspect",
            revoke_url=f"{token}/revoke",
            client_id=settings.HUBSPOT_CLIENT_ID,
            client_secret=settings.HUBSPOT_CLIENT_SECRET,
            scopes=cls.scopes,
            optional_scopes=cls.optional_scopes,
            on_request_scopes=cls.write_scopes,
            account_field="hub_id",
            code_refused=CODE_REFUSED,
            grant_gone=GRANT_GONE,
        )

    @classmethod
    def versions(cls) -> tuple[VersionInUse, ...]:
        """Return the two versions that the settings choose."""
        return versions_in_use()

    def on_disconnecting(self) -> None:
        """Uninstall our application and end the grant."""
        self.client.uninstall()

    @classmethod
    def verify_webhook(cls, request: SignedRequest) -> None:
        """Accept what HubSpot signed with the present or the previous secret."""
        webhooks.check_v3(request, (settings.HUBSPOT_WEBHOOK_SECRET, settings.HUBSPOT_WEBHOOK_SECRET_PREVIOUS))

    @classmethod
    def parse_webhook(cls, body: bytes) -> list[Notice]:
        """Return the events of a delivery, which may be of several accounts."""
        return webhooks.parse_webhook(body)

    @classmethod
    def webhook_effects(cls, connection_id: int, payloads: Sequence[str]) -> list[str]:
        """Return which deals would be read again and what invoices they have."""
        touched = [webhooks.deals_touched(payload) for payload in payloads]
        return effects_of(connection_id=connection_id, touched=touched, provider=cls.info.name)

    @property
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""
        return self.client.statistics

    def close(self) -> None:
        """Close the pooled connections."""
        self.client.close()

    def authenticate(self) -> Account:
        """Return the account that the token opens."""
        facts = self.client.get_account()
        portal = facts.get("portalId")
        if not isinstance(portal, int):
            raise InvalidResponse("HubSpot did not say which account this is.", provider="hubspot")
        kept = (
            "portalId",
            "accountType",
            "timeZone",
            "companyCurrency",
            "additionalCurrencies",
            "uiDomain",
            "dataHostingLocation",
        )
        return Account(
            external_id=str(portal),
            name=f"HubSpot {portal}",
            time_zone=str(facts.get("timeZone") or "Africa/Lagos"),
            currency=str(facts.get("companyCurrency") or "NGN"),
            facts={key: facts[key] for key in kept if key in facts},
        )

    def test_connection(self) -> IntegrationTestResult:
        """Try to read the account and one record of each kind that an invoice is made of."""
        details: dict[str, Any] = {}
        try:
            account = self.authenticate()
            details |= trial.measured(self.client.observed)
            details |= {
                "account": account.external_id,
                "time_zone": account.time_zone,
                "currency": account.currency,
            }
            details |= trial.permissions(self.client, self.scopes, self.optional_scopes)
        except IntegrationError as problem:
            return IntegrationTestResult(
                False, problem.sentence, details | {"request_id": problem.request_id}, problem=problem
            )
        if details["missing"]:
            lacking = ", ".join(details["missing"])
            sentence = f"{account.name} answers, but did not grant {lacking}. Allow it to read everything."
            return IntegrationTestResult(False, sentence, details)
        return IntegrationTestResult(True, f"{account.name} answers, and its deals can be read.", details)

    def get_pipelines(self) -> list[PipelineRecord]:
        """Return the pipelines and their stages."""
        return [mapping.to_pipeline(raw) for raw in self.client.get_pipelines()]

    def get_owners(self) -> list[OwnerRecord]:
        """Return the salespeople, archived ones too."""
        return [mapping.to_owner(raw) for raw in self.client.get_owners()]

    def get_deals(
        self, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: str = ""
    ) -> list[DealRecord]:
        """Return up to `limit` deals that match, newest id last; deals that cannot be read are left out.

        Filters, all honoured by HubSpot itself: pipeline, stage, owner, text, amount_min, amount_max,
        closed_since, closed_until, modified_since, modified_until (datetimes). `offset` is the last id of the
        page before. Raises ValueError for an unknown filter.
        """
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            size = min(SEARCH_PAGE, limit - len(found))
            answer = self.client.search(
                "deals", deals_query(filters or {}, self.names.of_deal(), after_id=offset, limit=size)
            )
            found += answer["results"]
            if len(answer["results"]) < size:
                break
            offset = str(found[-1]["id"])
        deals = self._with_associations(found)
        records, _ = assemble(deals, self._context, self._parts(deals))
        return records

    def get_deal_by_id(self, deal_id: str) -> DealRecord:
        """Return one deal as it is now, with lines and parties; raises NotFound and NotReadable."""
        raw = self.client.get_deal(deal_id, self.names.of_deal(), ASSOCIATIONS)
        deals = RawDeals.from_inline([raw]).completed(self.client)
        records, unreadable = assemble(deals, self._context, self._parts(deals))
        if unreadable:
            raise mapping.NotReadable(unreadable[0].reason)
        if not records:
            raise NotFound("HubSpot has no such deal.", provider="hubspot")
        return records[0]

    def count_deals(self, filters: Mapping[str, Any]) -> int | None:
        """Return how many deals a search finds; HubSpot says so without listing them."""
        total = self.client.search("deals", deals_query(filters, ["dealname"], limit=1)).get("total")
        return total if isinstance(total, int) else None

    def read_deals(self, position: dict[str, Any]) -> Iterator[Page]:
        """Yield every deal by HubSpot's list, which has no cap of 10,000, about 1,000 deals a page.

        While these are stored, the lines of the next are fetched, and those after them are listed.
        """
        if position.get("after") == "":
            return  # the last page was stored, and nothing after it
        memory = PartyMemory()
        _ = self._context  # asked for here, so that the token is at hand before threads without a database need it
        with ThreadPoolExecutor(FETCHERS + 2) as pool:
            fetching: Future[Fetched] | None
            listing = pool.submit(self._list_group, str(position.get("after", "")))
            fetching = pool.submit(self._fetch_group, listing, pool, memory)
            while fetching is not None:
                group = fetching.result()
                fetching = pool.submit(self._fetch_group, group.listing, pool, memory) if group.listing else None
                records, unreadable = assemble(group.deals, self._context, group.parts, memory)
                yield Page(records, {"after": group.after}, unreadable, read_at=group.deals.read_at)

    def read_changed_deals(self, since: datetime, until: datetime, position: dict[str, Any]) -> Iterator[Page]:
        """Yield deals changed in the window, in the order of their ids."""
        memory = PartyMemory()
        query = partial(changed_deals_query, since, until, self.names.of_deal())
        with ThreadPoolExecutor(FETCHERS) as pool:
            for results in self.client.walk("deals", query, str(position.get("after_id", ""))):
                cursor = {"after_id": str(results[-1]["id"])}
                yield self._page(self._with_associations(results), cursor, pool, memory)

    def read_changed_parties(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield companies and contacts that changed by themselves: that moves no deal's change time."""
        return changed_parties(self.client, self.names, since, until)

    def read_deals_by_id(self, external_ids: Sequence[str]) -> Iterator[Page]:
        """Yield these deals as they are now, a hundred a page.

        A deal that was merged into another answers under the other's id, which is then among its former ones.
        """
        memory = PartyMemory()
        with ThreadPoolExecutor(FETCHERS) as pool:
            for batch in batches(list(dict.fromkeys(external_ids))):
                raws, gone = self._current(batch)
                yield self._page(self._with_associations(raws), {}, pool, memory, gone)

    def read_archived_ids(self) -> Iterator[list[str]]:
        """Yield the ids in the recycle bin, a hundred at a time."""
        after = ""
        while True:
            answer = self.client.list_archived_deals(after=after)
            results = answer.get("results")
            if not isinstance(results, list):
                raise InvalidResponse("HubSpot sent a page without results.", provider="hubspot")
            yield [str(raw["id"]) for raw in results]
            following = next_after(answer)
            if not following:
                return
            if following == after:
                raise InvalidResponse("HubSpot sent the same page of archived deals twice.", provider="hubspot")
            after = following

    def read_figures(self) -> Iterator[list[Figure]]:
        """Yield what a census needs of every deal, by the list alone: one call for a hundred."""
        zone, after = ZoneInfo(self.config.time_zone), ""
        while True:
            answer = self.client.list_deals(mapping.FIGURE_PROPERTIES, [], after=after)
            raws = with_ids(answer.get("results") or [])
            yield [mapping.to_figure(raw, zone, self.config.currency) for raw in raws]
            following = next_after(answer)
            if not following:
                return
            if following == after:
                raise InvalidResponse("HubSpot sent the same page of deals twice.", provider="hubspot")
            after = following

    def write_invoice_facts(self, external_id: str, facts: InvoiceFacts) -> None:
        """Write our properties onto a deal, making them first where the account lacks them."""
        properties = writeback.values(facts)
        try:
            self.client.update_deal(external_id, properties)
        except RequestRejected as refusal:
            if not writeback.lacks_properties(refusal.body):
                raise
            self.client.ensure_deal_properties(writeback.definitions())
            self.client.update_deal(external_id, properties)

    def _current(self, asked: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the deals that these ids lead to now, and the ids that lead nowhere."""
        properties = self.names.of_deal()
        raws = {str(raw["id"]): raw for raw in self.client.batch_read("deals", asked, properties)}
        gone = []
        for deal_id in [i for i in asked if i not in raws]:
            # A batch leaves out what is gone and may leave out what was merged; one by one they are told apart.
            try:
                raw = self.client.get_deal(deal_id, properties, [])
            except NotFound:
                gone.append(deal_id)
                continue
            mapping.add_former_id(raws.setdefault(str(raw["id"]), raw), deal_id)
        return list(raws.values()), gone

    def _fetch_group(
        self, listing: Future[tuple[RawDeals, str]], pool: ThreadPoolExecutor, memory: PartyMemory
    ) -> Fetched:
        """Return listed deals with their parts, and the listing after them under way."""
        deals, after = listing.result()
        following = pool.submit(self._list_group, after) if after else None
        return Fetched(deals, fetch_parts(self.client, self.names, deals, pool, memory), after, following)

    def _list_group(self, after: str) -> tuple[RawDeals, str]:
        """Return up to ten list pages and the cursor after them, "" at the end."""
        found: list[dict[str, Any]] = []
        for _ in range(PAGES_A_TRANSACTION):
            answer = self.client.list_deals(self.names.of_deal(), ASSOCIATIONS, after=after, limit=BATCH)
            results = answer.get("results")
            if not isinstance(results, list):
                raise InvalidResponse("HubSpot sent a page without results.", provider="hubspot")
            found += results
            following = next_after(answer)
            if following and following == after:
                raise InvalidResponse("HubSpot sent the same page of deals twice.", provider="hubspot")
            after = following
            if not after:
                break
        return RawDeals.from_inline(found).completed(self.client), after

    def _with_associations(self, raws: list[dict[str, Any]]) -> RawDeals:
        return RawDeals.without_associations(raws).completed(self.client)

    def _parts(self, deals: RawDeals, pool: ThreadPoolExecutor | None = None, memory: PartyMemory | None = None) -> Any:
        if pool is not None:
            return fetch_parts(self.client, self.names, deals, pool, memory or PartyMemory())
        with ThreadPoolExecutor(FETCHERS) as own_pool:
            return fetch_parts(self.client, self.names, deals, own_pool, memory or PartyMemory())

    def _page(
        self,
        deals: RawDeals,
        cursor: dict[str, Any],
        pool: ThreadPoolExecutor,
        memory: PartyMemory,
        gone: Sequence[str] = (),
    ) -> Page:
        records, unreadable = assemble(deals, self._context, self._parts(deals, pool, memory), memory)
        return Page(records, cursor, unreadable, list(gone), deals.read_at)

    @cached_property
    def _context(self) -> mapping.AccountContext:
        return mapping.AccountContext(
            names=self.names,
            zone=ZoneInfo(self.config.time_zone),
            currency=self.config.currency,
            stages={
                (pipeline.external_id, stage_id): stage
                for pipeline in self.get_pipelines()
                for stage_id, stage in pipeline.stages.items()
            },
        )
