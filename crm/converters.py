"""A deal into an invoice draft by rules: pure, and never inventing; what the deal lacks or contradicts is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, localcontext

from crm.facts import lookup_of, to_snapshot, unread_properties
from crm.problems import (
    EXACT,
    ZERO,
    amount_contradiction,
    buyer_problems,
    country_problem,
    discount_problem,
    is_tiered,
    line_discount,
    line_net,
    line_problems,
    money,
)
from crm.records import DealRecord, LineRecord
from invoices.authority import codes
from invoices.drafts import InvoiceDraft, LineDraft, Missing, PartyDraft, SourceRef
from invoices.drafts.missing import party_defects
from invoices.rules import Found, Rules, default_rules
from invoices.rules.applying import NOWHERE, Lookup, all_hold, by_default, fill, fill_line, kind_of
from invoices.rules.content import BuyerFields
from invoices.rules.wording import BUYER
from invoices.taxes import TaxRules

LAGOS = timezone(timedelta(hours=1))  # no summer time there
LONGEST_TERMS = 365
PRICE_PLACES = Decimal("0.000001")  # what the document and the database keep of a price
FILLED = "filled in by the buyer"
LINE_FACTS = ("tax_category", "hsn_code", "product_category", "isic_code", "unit_code", "description")


@dataclass(frozen=True, slots=True)
class Converted:
    """A draft, and where each of its values that rules fill comes from, by path ("buyer.tin", "lines.1.hsn_code")."""

    draft: InvoiceDraft
    origins: dict[str, Found]


def deal_to_draft(
    deal: DealRecord,
    *,
    connection_id: int,
    provider: str = "HubSpot",
    rules: Rules | None = None,
    rule_set_id: int | None = None,
    tax: TaxRules | None = None,
) -> InvoiceDraft:
    """Return the invoice that a whole due deal makes by rules; without rules, by those of the program.

    `missing` names each fact that the deal lacks or contradicts itself on, and where at the provider to mend it. The
    typed amount of a deal is not invoiced: its lines are.
    """
    return convert(
        deal, connection_id=connection_id, provider=provider, rules=rules, rule_set_id=rule_set_id, tax=tax
    ).draft


def convert(
    deal: DealRecord,
    *,
    connection_id: int,
    provider: str = "HubSpot",
    rules: Rules | None = None,
    rule_set_id: int | None = None,
    tax: TaxRules | None = None,
) -> Converted:
    """Return what `deal_to_draft` returns, with the origin of each value.

    `tax` tells a line's rate in percent that is the standard VAT's on the deal's day from any other.
    """
    with localcontext(EXACT):
        return _Conversion(deal, rules or default_rules(), provider, tax).run(connection_id, rule_set_id)


def is_due(deal: DealRecord, rules: Rules | None = None) -> bool:
    """Tell whether a deal asks for an invoice: its stage and pipeline, and every condition of the rules."""
    rules = rules or default_rules()
    return may_be_due(deal, rules) and all_hold(rules.due.when, lookup_of(deal))


def may_be_due(deal: DealRecord, rules: Rules) -> bool:
    """Tell whether stage and pipeline ask for an invoice, whatever the conditions say, which may need its parties."""
    due = rules.due
    if deal.is_archived or (due.pipelines and deal.pipeline_external_id not in due.pipelines):
        return False
    return deal.stage_external_id in due.stages if due.stages else deal.is_won


class _Conversion:
    """One deal on its way through the rules; collects what is missing and where values come from."""

    def __init__(self, deal: DealRecord, rules: Rules, provider: str, tax: TaxRules | None) -> None:
        self.deal, self.rules, self.provider = deal, rules, provider
        self.vat = tax.rate_on("STANDARD_VAT", deal.close_date or date.max) if tax else None
        self.lookup = lookup_of(deal)
        self.origins: dict[str, Found] = {}
        self.missing: list[Missing] = []

    def run(self, connection_id: int, rule_set_id: int | None) -> Converted:
        deal, header = self.deal, self.rules.document
        kind, why = kind_of(header.kind, self.lookup)
        self.origins["kind"] = Found(kind, rule=why)
        buyer = self._buyer(kind)
        lines = tuple(self._line(line, number) for number, line in enumerate(deal.lines, 1))
        self.missing += discount_problem(deal, self.provider)
        self._check_whole()
        supply_date, terms = self._day("supply_date"), self._terms()
        draft = InvoiceDraft(
            source=SourceRef(connection_id, "deal", deal.external_id, "1", deal.name, deal.url, deal.former_ids),
            kind=kind,  # type: ignore[arg-type]
            currency=deal.currency,
            buyer=buyer,
            lines=lines,
            document_discount=money(deal.document_discount or ZERO),
            document_charge=ZERO,
            supply_date=supply_date,
            note=self._header("note"),
            missing=tuple(self.missing),
            snapshot=to_snapshot(deal),
            buyer_reference=self._header("buyer_reference"),
            order_reference=self._header("order_reference"),
            payment_terms_note=self._header("payment_terms_note"),
            payment_terms_days=terms,
            prices_include_tax=self.rules.prices_include_tax,
            rule_set_id=rule_set_id,
        )
        return Converted(draft, self.origins)

    def _header(self, name: str) -> str:
        found = fill(getattr(self.rules.document, name), self.lookup, f"document.{name}")
        if found is not NOWHERE:
            self.origins[name] = found
        return found.value

    def _buyer(self, kind: str) -> PartyDraft | None:
        deal, fields = self.deal, self.rules.document.buyer
        contact = deal.contacts[0] if deal.contacts else None
        values = {name: self._party_fact(fields, name) for name in BUYER}
        self._take_filled(values)
        party = PartyDraft(
            **{
                **values,
                "state": codes.state_code(values["state"]),
                "country": codes.country_code(values["country"]),
            }
        )
        if kind == "B2C":
            # A consumer need not be named, and half a name would hold the invoice back.
            return None if any(party_defects("buyer", "The buyer", party, "")) else party
        if deal.company_question or not (deal.companies or (party.name and _names_contact(fields))):
            self.missing += buyer_problems(deal, contact, self.provider)
            return party if deal.companies else None
        self.missing += country_problem(values["name"], values["country"], self.provider)
        return party

    def _take_filled(self, values: dict[str, str]) -> None:
        """Take what the buyer filled in for each fact that is not there, or that the authority would refuse."""
        filled = self.deal.companies[0].filled if self.deal.companies else {}
        if not filled:
            return
        country = codes.country_code(values["country"])
        party = PartyDraft(**{**values, "country": country or values["country"]})
        refused = {each.field.removeprefix("buyer.") for each in party_defects("buyer", "The buyer", party, "")}
        for name, text in filled.items():
            if text and name in values and (not values[name] or name in refused):
                values[name] = text
                self.origins[f"buyer.{name}"] = Found(text, rule=FILLED)

    def _party_fact(self, fields: BuyerFields, name: str) -> str:
        found = fill(getattr(fields, name), self.lookup, f"document.buyer.{name}")
        if found is not NOWHERE:
            self.origins[f"buyer.{name}"] = found
        return found.value

    def _day(self, name: str) -> date | None:
        text = self._header(name)
        if not text:
            return None
        day = to_day(text)
        if day is None:
            where = f"“{text[:40]}” is none. Write it in {self.provider} as 2026-11-30."
            self.missing.append(Missing(name, "A day of supply", where))
        return day

    def _terms(self) -> int | None:
        text = self._header("payment_terms_days")
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= LONGEST_TERMS):
            where = f"“{text[:40]}” is no number of days from 0 to {LONGEST_TERMS}. Correct it in {self.provider}."
            self.missing.append(Missing("payment_terms_days", "The days until payment", where))
            return None
        return int(text)

    def _check_whole(self) -> None:
        if unread := unread_properties(self.deal, self.rules):
            where = (
                f"Not read from {self.provider} yet: {', '.join(unread)[:300]}. The next read of the deal fills it in."
            )
            self.missing.append(Missing("rules.properties", "What the rules read", where))
        contradiction = amount_contradiction(self.deal, self.provider) if self.rules.amount_must_match else None
        if contradiction is not None:
            self.missing.append(contradiction)

    def _line(self, line: LineRecord, number: int) -> LineDraft:
        lookup = lookup_of(self.deal, line)
        facts = {name: self._line_fact(lookup, number, name) for name in LINE_FACTS}
        category = facts["tax_category"] or self._category_left(line, number)
        self.missing += line_problems(self.deal, line, number, self.provider, has_category=bool(category))
        if facts["hsn_code"] and facts["isic_code"]:
            self.missing += self._both_codes(number)
        quantity, price, discount, rate = _amounts(line)
        return LineDraft(
            name=line.name,
            description=facts["description"] + _tiered_words(line, quantity),
            quantity=quantity,
            unit_price=price,
            discount=discount,
            discount_rate=rate,
            fee=ZERO,
            tax_category=category,
            hsn_code=facts["hsn_code"],
            product_category=facts["product_category"],
            isic_code=facts["isic_code"],
            service_category=codes.service_category(facts["isic_code"]),
            sku=line.sku,
            unit_code=facts["unit_code"] or "H87",
            external_id=line.external_id,
        )

    def _line_fact(self, lookup: Lookup, number: int, name: str) -> str:
        rule, path = getattr(self.rules.lines, name), f"lines.{name}"
        found = fill_line(rule, lookup, path)
        if found is NOWHERE and name != "tax_category":
            found = by_default(rule, path)
        if found is not NOWHERE:
            self.origins[f"lines.{number}.{name}"] = found
        return found.value

    def _category_left(self, line: LineRecord, number: int) -> str:
        """Return the category of a line that neither its properties nor a pattern name; a rate that fits says it."""
        path = f"lines.{number}.tax_category"
        if line.tax_rate is not None and line.tax_rate == self.vat:
            self.origins[path] = Found("STANDARD_VAT", "line.tax_rate")
        elif line.tax_rate is None and (found := by_default(self.rules.lines.tax_category, "lines.tax_category")).value:
            self.origins[path] = found
        return self.origins[path].value if path in self.origins else ""

    def _both_codes(self, number: int) -> Iterator[Missing]:
        """A default of both kinds of code would contradict itself on every line: the sharper rule is asked for."""
        both = [self.origins[f"lines.{number}.{name}"] for name in ("hsn_code", "isic_code")]
        if all(found.rule.startswith("lines.") for found in both):
            where = "The rules give it a goods code and a service code. Let one of them fit fewer lines."
            yield Missing(f"lines.{number}.classification", f"Line {number}: goods or service", where)


def _names_contact(fields: BuyerFields) -> bool:
    return any(source.startswith("contact.") for source in fields.name)


def _amounts(line: LineRecord) -> tuple[Decimal | None, Decimal | None, Decimal, Decimal | None]:
    """Return (quantity, unit price, discount, discount in percent) for the document.

    Of a tiered price the provider's total counts: as a price for each where that is exact, else as one of the whole.
    """
    net = line_net(line) if is_tiered(line) else None
    if net is None:
        return line.quantity, line.unit_price, line_discount(line), line.discount_percent
    if line.quantity:
        each = (net / line.quantity).quantize(PRICE_PLACES)
        if money(each * line.quantity) == net:
            return line.quantity, each, ZERO, None
    return Decimal(1), net, ZERO, None


def _tiered_words(line: LineRecord, quantity: Decimal | None) -> str:
    if quantity == line.quantity or line.quantity is None:
        return ""
    return f" ({line.quantity:f} at tiered prices)"


def to_day(text: str) -> date | None:
    """Return the day of a date or instant as providers write them, an instant's on Nigeria's clock; None for others."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        instant = datetime.fromisoformat(text)
        return (instant.astimezone(LAGOS) if instant.tzinfo else instant).date()
    except (ValueError, OverflowError):
        return None
