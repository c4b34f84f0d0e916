"""HubSpot's records into ours: pure, and strict about what is not a number, a date or text that can be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from crm.census import Figure
from crm.records import (
    RULE_PROPERTIES,
    CompanyRecord,
    ContactRecord,
    DealRecord,
    LineRecord,
    NotReadable,
    OwnerRecord,
    PipelineRecord,
    StageRecord,
)

MAX_INTEGER_DIGITS, MAX_DECIMALS = 15, 10  # what our columns hold
MAX_ID = 100  # characters of an id, likewise
MAX_POSITION = 2**31 - 1
PRIMARY_COMPANY = "deal_to_company"  # the inline name of type 5; unlabelled ones are "deal_to_company_unlabeled"
PRIMARY_COMPANY_TYPE = 5

DEAL_PROPERTIES = (
    "dealname", "amount", "deal_currency_code", "pipeline", "dealstage", "closedate", "hs_is_closed",
    "hs_is_closed_won", "hubspot_owner_id", "description", "hs_lastmodifieddate", "hs_merged_object_ids",
)  # fmt: skip
LINE_PROPERTIES = (
    "name", "description", "quantity", "price", "discount", "hs_discount_percentage", "amount", "hs_sku",
    "hs_line_item_currency_code", "hs_tax_rate", "hs_position_on_quote", "hs_pricing_model",
)  # fmt: skip
COMPANY_PROPERTIES = (
    "name",
    "description",
    "address",
    "address2",
    "city",
    "state",
    "zip",
    "country",
    "phone",
    "domain",
)
TIERED = {"volume", "graduated", "stairstep"}  # pricing models under which price times quantity is not the amount
CONTACT_PROPERTIES = ("email", "firstname", "lastname", "phone", "lastmodifieddate")


@dataclass(frozen=True, slots=True)
class PropertyNames:
    """The account's own names for facts that HubSpot has no default property for.

    An organization changes them in its connection's options, under "properties".
    """

    company_tin: str = "tin"
    company_email: str = "billing_email"
    deal_discount: str = "document_discount"
    line_tax_category: str = "tax_category"
    line_hsn_code: str = "hsn_code"
    line_product_category: str = "product_category"
    line_isic_code: str = "isic_code"
    # What the rules read beside our fields: kind of record to the provider's own names.
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> PropertyNames:
        """Return the names that a connection's options set, defaults for the rest."""
        chosen = options.get("properties") or {}
        extra = {kind: tuple(map(str, names)) for kind, names in (options.get(RULE_PROPERTIES) or {}).items()}
        own = {name: str(chosen[name]) for name in cls.__slots__ if name != "extra" and chosen.get(name)}
        return cls(**own, extra=extra)  # type: ignore[arg-type]

    def of_deal(self) -> list[str]:
        """Return all deal properties to ask for."""
        return [*DEAL_PROPERTIES, self.deal_discount, *self.extra.get("deal", ())]

    def of_line(self) -> list[str]:
        """Return all line properties to ask for."""
        own = (self.line_tax_category, self.line_hsn_code, self.line_product_category, self.line_isic_code)
        return [*LINE_PROPERTIES, *own, *self.extra.get("line", ())]

    def of_company(self) -> list[str]:
        """Return all company properties to ask for."""
        return [*COMPANY_PROPERTIES, self.company_tin, self.company_email, *self.extra.get("company", ())]

    def of_contact(self) -> list[str]:
        """Return all contact properties to ask for."""
        return [*CONTACT_PROPERTIES, *self.extra.get("contact", ())]

    def extra_of(self, kind: str, properties: Mapping[str, Any]) -> dict[str, str]:
        """Return what the rules read of a record beside our fields; what is empty too, for it was asked for."""
        return {name: to_text(properties, name) for name in self.extra.get(kind, ())}


def to_text(properties: Mapping[str, Any], name: str) -> str:
    """Return a property as text without outer space, "" when it is absent."""
    value = properties.get(name)
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def to_id(properties: Mapping[str, Any], name: str) -> str:
    """Return a property that names another record; raises NotReadable for one that is longer than any id."""
    text = to_text(properties, name)
    if len(text) > MAX_ID:
        raise NotReadable(f"{name} is “{text[:40]}…” with {len(text)} characters, which is longer than any id.")
    return text


def to_currency(properties: Mapping[str, Any], name: str, default: str = "") -> str:
    """Return a currency code in capitals, `default` when it is empty; raises NotReadable for what cannot be one."""
    code = (to_text(properties, name) or default).upper()
    if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise NotReadable(f"{name} is “{code[:40]}”, which is not a currency.")
    return code


def to_position(properties: Mapping[str, Any], name: str) -> int:
    """Return a line's place on the quote, 0 when it has none; raises NotReadable for one beyond all lists."""
    text = to_text(properties, name)
    if not text.isdecimal():
        return 0
    if len(text) > MAX_ID or int(text) > MAX_POSITION:
        raise NotReadable(f"{name} is “{text[:40]}”, which is no place on a list.")
    return int(text)


def to_former_ids(properties: Mapping[str, Any], own_id: str) -> tuple[str, ...]:
    """Return the ids that this record had before others were merged into it; HubSpot parts them by semicolons."""
    text = to_text(properties, "hs_merged_object_ids")
    ids = (part.strip() for part in text.split(";")) if text else ()
    return tuple(sorted({i for i in ids if i and i != own_id}))


def add_former_id(raw: dict[str, Any], asked_id: str) -> None:
    """Note in a record the id under which it was asked for and which is not its own any more."""
    known = to_former_ids(raw["properties"], str(raw["id"]))
    raw["properties"]["hs_merged_object_ids"] = ";".join(sorted({*known, asked_id}))


def to_decimal(properties: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a numeric property, None when it is empty; raises NotReadable for anything but a plain number."""
    text = to_text(properties, name)
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise NotReadable(f"{name} is “{text[:40]}”, which is not a number.")
    if number and number.adjusted() >= MAX_INTEGER_DIGITS:
        raise NotReadable(f"{name} is “{text[:40]}”, which is larger than any amount of money.")
    if number.as_tuple().exponent < -MAX_DECIMALS:  # type: ignore[operator]
        raise NotReadable(f"{name} is “{text[:40]}”, which has more than {MAX_DECIMALS} decimals.")
    return number


def to_instant(text: Any, name: str) -> datetime | None:
    """Return an ISO instant, None when empty; raises NotReadable."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError as problem:
        raise NotReadable(f"{name} is “{str(text)[:40]}”, which is not a date.") from problem
    if instant.tzinfo is None:
        raise NotReadable(f"{name} is “{str(text)[:40]}”, which names no time zone.")
    return instant


def to_close_date(text: Any, zone: ZoneInfo) -> date | None:
    """Return the day of a close date in the account's time zone; HubSpot stores an instant in UTC."""
    instant = to_instant(text, "closedate")
    try:
        return instant.astimezone(zone).date() if instant else None
    except OverflowError as problem:
        raise NotReadable(f"closedate is “{str(text)[:40]}”, which no calendar has in {zone.key}.") from problem


def check_storable(raw: Mapping[str, Any]) -> None:
    """Raise NotReadable for the one character that PostgreSQL cannot keep in text."""
    if b"\\u0000" in orjson.dumps(raw):
        raise NotReadable("It holds a NUL character, which cannot be stored as text.")


def to_pipeline(raw: Mapping[str, Any]) -> PipelineRecord:
    """Return a pipeline. A stage is won when it is closed with a probability of 1, whatever its label."""
    stages = {}
    for stage in raw.get("stages") or []:
        facts = stage.get("metadata") or {}
        closed = str(facts.get("isClosed", "")).lower() == "true"
        won = closed and str(facts.get("probability", "")) in {"1.0", "1"}
        stages[str(stage["id"])] = StageRecord(
            label=str(stage.get("label", "")),
            order=int(stage.get("displayOrder") or 0),
            is_closed=closed,
            is_won=won,
        )
    return PipelineRecord(str(raw["id"]), str(raw.get("label", "")), stages)


def to_owner(raw: Mapping[str, Any]) -> OwnerRecord:
    """Return an owner."""
    name = f"{raw.get('firstName') or ''} {raw.get('lastName') or ''}".strip()
    return OwnerRecord(str(raw["id"]), name, str(raw.get("email") or ""), bool(raw.get("archived")))


def to_company(raw: Mapping[str, Any], names: PropertyNames) -> CompanyRecord:
    """Return a company; its address is HubSpot's two lines in one."""
    properties = raw["properties"]
    check_storable(raw)
    street = ", ".join(part for part in (to_text(properties, "address"), to_text(properties, "address2")) if part)
    return CompanyRecord(
        external_id=str(raw["id"]),
        name=to_text(properties, "name"),
        tin=to_text(properties, names.company_tin),
        email=to_text(properties, names.company_email),
        phone=to_text(properties, "phone"),
        description=to_text(properties, "description"),
        street=street,
        city=to_text(properties, "city"),
        state=to_text(properties, "state"),
        postal_zone=to_text(properties, "zip"),
        country=to_text(properties, "country"),
        source_updated_at=to_instant(properties.get("hs_lastmodifieddate") or raw.get("updatedAt"), "updatedAt"),
        payload=dict(raw),
        extra=names.extra_of("company", properties),
    )


def to_contact(raw: Mapping[str, Any], names: PropertyNames) -> ContactRecord:
    """Return a contact."""
    properties = raw["properties"]
    check_storable(raw)
    return ContactRecord(
        external_id=str(raw["id"]),
        first_name=to_text(properties, "firstname"),
        last_name=to_text(properties, "lastname"),
        email=to_text(properties, "email"),
        phone=to_text(properties, "phone"),
        source_updated_at=to_instant(properties.get("lastmodifieddate") or raw.get("updatedAt"), "updatedAt"),
        payload=dict(raw),
        extra=names.extra_of("contact", properties),
    )


def to_line(raw: Mapping[str, Any], names: PropertyNames) -> LineRecord:
    """Return a line item; raises NotReadable for a number that is none."""
    properties = raw["properties"]
    check_storable(raw)
    return LineRecord(
        external_id=str(raw["id"]),
        position=to_position(properties, "hs_position_on_quote"),
        name=to_text(properties, "name"),
        description=to_text(properties, "description"),
        sku=to_text(properties, "hs_sku"),
        quantity=to_decimal(properties, "quantity"),
        unit_price=to_decimal(properties, "price"),
        unit_discount=to_decimal(properties, "discount"),
        discount_percent=to_decimal(properties, "hs_discount_percentage"),
        amount=to_decimal(properties, "amount"),
        currency=to_currency(properties, "hs_line_item_currency_code"),
        tax_rate=to_decimal(properties, "hs_tax_rate"),
        tax_category=to_text(properties, names.line_tax_category),
        hsn_code=to_text(properties, names.line_hsn_code),
        product_category=to_text(properties, names.line_product_category),
        isic_code=to_text(properties, names.line_isic_code),
        payload=dict(raw),
        extra=names.extra_of("line", properties) | _pricing(properties),
    )


def _pricing(properties: Mapping[str, Any]) -> dict[str, str]:
    model = to_text(properties, "hs_pricing_model").lower()
    return {"pricing_model": model} if model in TIERED else {}


@dataclass(frozen=True, slots=True)
class AccountContext:
    """What reading a deal needs to know of its account."""

    names: PropertyNames
    zone: ZoneInfo
    currency: str
    stages: Mapping[tuple[str, str], StageRecord]


def to_deal(
    raw: Mapping[str, Any],
    context: AccountContext,
    *,
    lines: Iterable[LineRecord],
    company: tuple[str, str] = ("", ""),
    contact_id: str = "",
) -> DealRecord:
    """Return a deal with its lines; `company` is (id, question). Raises NotReadable."""
    properties = raw["properties"]
    check_storable(raw)
    pipeline, stage_id = to_id(properties, "pipeline"), to_id(properties, "dealstage")
    stage = context.stages.get((pipeline, stage_id))
    return DealRecord(
        external_id=str(raw["id"]),
        name=to_text(properties, "dealname"),
        amount=to_decimal(properties, "amount"),
        currency=to_currency(properties, "deal_currency_code", context.currency),
        document_discount=to_decimal(properties, context.names.deal_discount),
        pipeline_external_id=pipeline,
        stage_external_id=stage_id,
        stage_label=stage.label if stage else stage_id,
        is_won=stage.is_won if stage else to_text(properties, "hs_is_closed_won") == "true",
        is_closed=stage.is_closed if stage else to_text(properties, "hs_is_closed") == "true",
        close_date=to_close_date(properties.get("closedate"), context.zone),
        owner_external_id=to_id(properties, "hubspot_owner_id"),
        url=str(raw.get("url") or ""),
        is_archived=bool(raw.get("archived")),
        source_updated_at=to_instant(properties.get("hs_lastmodifieddate") or raw.get("updatedAt"), "updatedAt"),
        payload={key: value for key, value in raw.items() if key != "associations"},
        company_external_id=company[0],
        company_question=company[1],
        contact_external_id=contact_id,
        former_ids=to_former_ids(properties, str(raw["id"])),
        extra=context.names.extra_of("deal", properties),
        lines=tuple(sorted(lines, key=lambda line: (line.position, line.external_id))),
    )


FIGURE_PROPERTIES = ("amount", "deal_currency_code", "closedate", "hs_lastmodifieddate")


def to_figure(raw: Mapping[str, Any], zone: ZoneInfo, currency: str) -> Figure:
    """Return what a census needs of a deal; one that cannot be read is counted all the same."""
    properties = raw["properties"]
    updated_at = to_instant(properties.get("hs_lastmodifieddate") or raw.get("updatedAt"), "updatedAt")
    try:
        return Figure(
            external_id=str(raw["id"]),
            amount=to_decimal(properties, "amount"),
            currency=to_currency(properties, "deal_currency_code", currency),
            day=to_close_date(properties.get("closedate"), zone),
            updated_at=updated_at,
        )
    except NotReadable:
        return Figure(str(raw["id"]), None, "", None, updated_at, is_readable=False)


def inline_ids(raw: Mapping[str, Any], kind: str) -> list[str]:
    """Return the ids of a record's inline associations of a kind ("line items" has a space), each once."""
    found = ((raw.get("associations") or {}).get(kind) or {}).get("results") or []
    return list(dict.fromkeys(str(entry["id"]) for entry in found))


def is_cut(raw: Mapping[str, Any], kind: str) -> bool:
    """Tell whether HubSpot cut the inline list (it gives the first 100 only)."""
    return bool(((raw.get("associations") or {}).get(kind) or {}).get("paging"))


def choose_company(entries: Iterable[tuple[str, bool]]) -> tuple[str, str]:
    """Return (company id, question) from (id, is primary) pairs: the one primary, the only one, or a question."""
    ids: dict[str, bool] = {}
    for company_id, primary in entries:
        ids[company_id] = ids.get(company_id, False) or primary
    primary_ids = [company_id for company_id, primary in ids.items() if primary]
    if len(primary_ids) == 1 or len(ids) == 1:
        return (primary_ids or list(ids))[0], ""
    if primary_ids:
        return "", f"{len(primary_ids)} companies of the deal are marked primary."
    if ids:
        return "", f"{len(ids)} companies stand on the deal and none is marked primary."
    return "", ""


def inline_companies(raw: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return (id, is primary) of a record's inline companies."""
    found = ((raw.get("associations") or {}).get("companies") or {}).get("results") or []
    return [(str(entry["id"]), entry.get("type") == PRIMARY_COMPANY) for entry in found]


def associated_companies(entries: Iterable[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """Return (id, is primary) from an association read, whose ids come as numbers or strings."""
    return [
        (
            str(entry["toObjectId"]),
            any(kind.get("typeId") == PRIMARY_COMPANY_TYPE for kind in entry.get("associationTypes") or []),
        )
        for entry in entries
    ]
