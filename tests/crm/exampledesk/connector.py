"""ExampleDesk, an invented CRM: built by the guide, to show what a connector costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings

from crm.connector import CRMConnector
from crm.records import CompanyRecord, DealRecord, LineRecord, NotReadable, PipelineRecord, StageRecord
from integrations.base.connector import (
    Account,
    ConnectionConfig,
    ConnectorInfo,
    IntegrationTestResult,
    OAuthEndpoints,
)
from integrations.base.errors import IntegrationError, NotFound, ReauthorizationRequired, RequestRejected
from integrations.base.http import ApiClient, CallStatistics
from integrations.base.records import Page, Unreadable

STAGES = {"won": StageRecord("Won", 2, True, True), "open": StageRecord("Open", 1, False, False)}


class ExampleDeskConnector(CRMConnector):
    """Reads the deals of one ExampleDesk account."""

    info = ConnectorInfo(
        slug="exampledesk",
        name="ExampleDesk",
        category="crm",
        stream="deals",
        sync_task="crm.tasks.sync_deals_of",
        preview_task="crm.tasks.preview_deals_of",
        record_task="crm.tasks.process_deal",
        accepts_service_key=True,
    )

    def __init__(self, connection_config: ConnectionConfig) -> None:
        super().__init__(connection_config)
        key = connection_config.credentials
        self.api = ApiClient(
            provider="exampledesk",
            name="ExampleDesk",
            base_url=settings.EXAMPLEDESK_API_BASE,
            headers=lambda: {"X-Key": key.load().access_token},
        )

    @classmethod
    def oauth(cls) -> OAuthEndpoints:
        return OAuthEndpoints(authorize_url="", token_url="", client_id="", client_secret="")

    @property
    def statistics(self) -> CallStatistics:
        return self.api.statistics

    def close(self) -> None:
        self.api.close()

    def authenticate(self) -> Account:
        facts = self._get("/me")
        return Account(str(facts["id"]), str(facts["name"]), currency=str(facts["currency"]))

    def test_connection(self) -> IntegrationTestResult:
        try:
            return IntegrationTestResult(True, f"{self.authenticate().name} answers.")
        except IntegrationError as problem:
            return IntegrationTestResult(False, problem.sentence)

    def get_pipelines(self) -> list[PipelineRecord]:
        return [PipelineRecord("all", "All deals", STAGES)]

    def get_deals(
        self, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: str = ""
    ) -> list[DealRecord]:
        found = self._get("/deals", **(filters or {}), limit=limit, after=offset)["deals"]
        return [self._to_deal(raw) for raw in found]

    def get_deal_by_id(self, deal_id: str) -> DealRecord:
        return self._to_deal(self._get(f"/deals/{deal_id}"))

    def read_deals(self, position: dict[str, Any]) -> Iterator[Page]:
        return self._pages(position)

    def read_changed_deals(self, since: datetime, until: datetime, position: dict[str, Any]) -> Iterator[Page]:
        return self._pages(position, since=since.isoformat(), until=until.isoformat())

    def _pages(self, position: dict[str, Any], **window: str) -> Iterator[Page]:
        after: str | None = str(position.get("after", ""))
        while after is not None:
            answer = self._get("/deals", **window, limit=2, after=after)
            records, unreadable = [], []
            for raw in answer["deals"]:
                try:
                    records.append(self._to_deal(raw))
                except NotReadable as problem:
                    unreadable.append(Unreadable(str(raw["id"]), str(problem), raw))
            after = answer["next"]
            yield Page(records, {"after": after or ""}, unreadable)

    def _get(self, path: str, **params: Any) -> Any:
        try:
            return self.api.get(path, params=params)
        except RequestRejected as refusal:
            if refusal.status == 401:
                raise ReauthorizationRequired("ExampleDesk does not accept this key. Give a new one.") from refusal
            if refusal.status == 404:
                raise NotFound("ExampleDesk has no such deal.") from refusal
            raise

    def _to_deal(self, raw: dict[str, Any]) -> DealRecord:
        stage, buyer = STAGES[raw["stage"]], raw["buyer"]
        company = CompanyRecord(
            external_id=buyer["id"], name=buyer["name"], tin=buyer["tin"], email=buyer["email"], phone="",
            description=buyer["name"], street=buyer["street"], city=buyer["city"], state="", postal_zone="100001",
            country="NG", source_updated_at=None, payload=buyer,
        )  # fmt: skip
        return DealRecord(
            external_id=str(raw["id"]), name=raw["title"], amount=number(raw, "total"), currency="NGN",
            document_discount=None, pipeline_external_id="all", stage_external_id=raw["stage"],
            stage_label=stage.label, is_won=stage.is_won, is_closed=stage.is_closed,
            close_date=date.fromisoformat(raw["closed"]), owner_external_id="", url="", is_archived=False,
            source_updated_at=datetime.fromisoformat(raw["changed"]), payload=raw,
            company_external_id=company.external_id, companies=(company,),
            lines=tuple(to_line(row, place) for place, row in enumerate(raw["rows"])),
        )  # fmt: skip


def to_line(row: dict[str, Any], position: int) -> LineRecord:
    return LineRecord(
        external_id=str(row["id"]), position=position, name=row["what"], description=row["what"], sku="",
        quantity=number(row, "count"), unit_price=number(row, "each"), unit_discount=None, discount_percent=None,
        amount=None, currency="NGN", tax_rate=None, tax_category="STANDARD_VAT", hsn_code="9403.20",
        product_category="Other metal furniture", isic_code="", payload=row,
    )  # fmt: skip


def number(raw: dict[str, Any], name: str) -> Decimal:
    try:
        return Decimal(str(raw[name]))
    except InvalidOperation as problem:
        raise NotReadable(f"{name} is “{raw[name]}”, which is not a number.") from problem
