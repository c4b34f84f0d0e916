"""The cases: a deal of each kind that is met, with what it comes to by hand. All companies are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from crm.records import DealRecord, LineRecord
from invoices.law import Pinned
from tests.crm.examples import COMPANY, CONTACT, DEAL, LINE, deal_of
from tests.golden.making import SELLER, Case

USD = Pinned("USD", date(2026, 11, 18), Decimal("1500.25"), "An invented bank")
FITTING = replace(
    LINE,
    external_id="72",
    position=1,
    name="Fitting on site",
    description="Assembly of ten bays",
    sku="SVC-FIT",
    quantity=Decimal(1),
    unit_price=Decimal(40000),
    discount_percent=None,
    amount=Decimal(40000),
    hsn_code="",
    product_category="",
    isic_code="4330",
)
B2C = {"document": {"kind": {"default": "B2C"}}}
WITH_DEFAULT = replace(SELLER, default_tax_category="STANDARD_VAT")
GROSS = {"prices_include_tax": True}


def line(**changes: Any) -> LineRecord:
    """Return a line of one piece without discount, changed."""
    plain = {"quantity": Decimal(1), "discount_percent": None, "amount": None}
    return replace(LINE, **{**plain, **changes})


def deal(*lines: LineRecord, **changes: Any) -> DealRecord:
    """Return the deal with these lines."""
    numbered = tuple(replace(each, external_id=str(71 + i), position=i) for i, each in enumerate(lines))
    return replace(DEAL, lines=numbered, amount=None, **changes)


def priced(price: str, quantity: str = "1", **changes: Any) -> DealRecord:
    """Return the deal with one line of a price and a quantity."""
    return deal(line(unit_price=Decimal(price), quantity=Decimal(quantity), **changes))


DOLLARS = replace(priced("10.10", "3", currency="USD"), currency="USD")
MILESTONES = {
    "milestones": [
        {"name": "Deposit", "percent": "30"},
        {"name": "Delivery", "percent": "50", "date": "deal.delivery"},
        {"name": "Balance", "rest": True},
    ]
}
DELIVERED = {"delivery": "2026-11-21"}

CASES = (
    Case("goods-with-percent-discount", DEAL, ("255312.50",)),
    Case("goods-and-service", deal(LINE, FITTING), ("298312.50",)),
    Case("discount-on-the-deal", deal(LINE, FITTING, document_discount=Decimal(7500)), ("290250.00",)),
    Case("discount-per-unit", priced("1250.50", "3", unit_discount=Decimal("100.25")), ("3709.56",)),
    Case("free-line-beside-a-paid-one", deal(LINE, line(unit_price=Decimal(0), name="Sample")), ("255312.50",)),
    Case("fractional-kilograms", priced("1980", "12.345", extra={}), ("26276.33",)),
    Case("zero-rated", priced("1000", "2", tax_category="ZERO_VAT"), ("2000.00",)),
    Case("exempt", priced("1000", "2", tax_category="EXEMPTED"), ("2000.00",)),
    Case(
        "three-tax-categories",
        deal(
            line(unit_price=Decimal(100)),
            line(unit_price=Decimal(200), tax_category="ZERO_VAT"),
            line(unit_price=Decimal(300), tax_category="EXEMPTED"),
        ),
        ("607.50",),
    ),
    Case(
        "discount-shared-among-categories",
        deal(
            line(unit_price=Decimal(100)),
            line(unit_price=Decimal(200), tax_category="ZERO_VAT"),
            document_discount=Decimal("100.01"),
        ),
        ("204.99",),
    ),
    Case("half-a-kobo-goes-up", priced("0.20", tax_category="STANDARD_VAT"), ("0.22",)),
    Case("tax-is-rounded-once-a-category", deal(*(line(unit_price=Decimal("0.06")) for _ in range(10))), ("0.65",)),
    Case("large-amounts", priced("9007199254.740993", "1"), ("9682739198.85",)),
    Case("six-decimals-of-a-price", priced("0.333333", "3"), ("1.08",)),
    Case("default-category-of-the-profile", priced("100", tax_category=""), ("107.50",), seller=WITH_DEFAULT),
    Case(
        "no-category-and-no-default",
        priced("100", tax_category=""),
        (),
        ("lines.1.tax_category",),
    ),
    Case("rate-of-the-line-is-the-standard-vat", priced("100", tax_category="", tax_rate=Decimal("7.5")), ("107.50",)),
    Case(
        "rate-that-says-nothing-sure",
        priced("100", tax_category="", tax_rate=Decimal(5)),
        (),
        ("lines.1.tax_category",),
    ),
    Case("category-without-a-code-of-ours", priced("100", tax_category="VAT"), (), ("lines.1.tax_category",)),
    Case(
        "two-discounts-on-a-line",
        priced("100", unit_discount=Decimal(1), discount_percent=Decimal(5)),
        (),
        ("lines.1.discount",),
    ),
    Case("total-of-a-line-contradicts", priced("100", amount=Decimal(90)), (), ("lines.1.amount",)),
    Case(
        "tiered-price", priced("100", "10", amount=Decimal("1234.50"), extra={"pricing_model": "volume"}), ("1327.09",)
    ),
    Case(
        "tiered-price-that-divides-badly",
        priced("100", "3000000", amount=Decimal(100), extra={"pricing_model": "graduated"}),
        ("107.50",),
    ),
    Case("typed-amount-differs", replace(DEAL, amount=Decimal(300_000)), (), ("amount",), {"amount_must_match": True}),
    Case("no-lines", deal(), (), ("lines",)),
    Case("no-company", replace(DEAL, companies=(), company_external_id=""), (), ("buyer",)),
    Case("buyer-without-tin-and-city", deal_of(tin="", city=""), (), ("buyer.tin", "buyer.city")),
    Case("buyer-fills-in-its-tin", deal_of(tin="", filled={"tin": "90055555-0001"}), ("255312.50",)),
    Case("country-that-nobody-knows", deal_of(country="Atlantis"), (), ("buyer.country",)),
    Case("foreign-buyer", deal_of(country="Ghana", state="Greater Accra"), ("255312.50",)),
    Case("e-mail-of-the-contact", replace(deal_of(email=""), contacts=(CONTACT,)), ("255312.50",)),
    Case(
        "consumer-without-a-name",
        replace(DEAL, companies=(), company_external_id="", close_date=None),
        ("255312.50",),
        rules=B2C,
    ),
    Case("consumer-with-a-name", DEAL, ("255312.50",), rules=B2C),
    Case(
        "government-by-a-condition",
        deal_of(extra={"sector": "Government"}),
        ("255312.50",),
        rules={
            "document": {
                "kind": {
                    "cases": [
                        {
                            "kind": "B2G",
                            "when": [{"property": "company.sector", "test": "equals", "value": "government"}],
                        }
                    ]
                }
            }
        },
    ),
    Case(
        "header-from-properties",
        replace(DEAL, extra={"po": "BBD-PO-7719", "terms": "14"}),
        ("255312.50",),
        rules={
            "document": {
                "order_reference": ["deal.po"],
                "payment_terms_days": ["deal.terms"],
                "payment_terms_note": ["=14 days net"],
                "buyer_reference": ["company.name"],
            }
        },
    ),
    Case(
        "tax-category-by-pattern",
        priced("100", tax_category="", sku="BOOK-1"),
        ("100.00",),
        rules={"lines": {"tax_category": {"cases": [{"like": "book-*", "value": "EXEMPTED"}]}}},
    ),
    Case(
        "service-code-and-unit-by-default",
        priced("100", hsn_code="", product_category=""),
        ("107.50",),
        rules={"lines": {"isic_code": {"default": "4330"}, "unit_code": {"default": "HUR"}}},
    ),
    Case("not-due-by-its-stage", DEAL, rules={"due": {"stages": ["contractsent"]}}),
    Case(
        "not-due-by-a-condition",
        DEAL,
        rules={"due": {"when": [{"property": "deal.amount", "test": "at_least", "value": "1000000"}]}},
    ),
    Case("property-that-was-not-read", DEAL, (), ("rules.properties",), {"document": {"order_reference": ["deal.po"]}}),
    Case("milestones", replace(DEAL, extra=DELIVERED), ("76593.75", "127656.25", "51062.50"), rules=MILESTONES),
    Case(
        "milestone-whose-day-has-not-come",
        replace(DEAL, extra={"delivery": "2026-12-24"}),
        ("76593.75", "51062.50"),
        rules=MILESTONES,
        today=date(2026, 11, 22),
    ),
    Case(
        "milestones-beyond-the-deal",
        replace(DEAL, extra={"deposit": "237500.01"}),
        (),
        ("milestones",),
        {"milestones": [{"name": "Deposit", "amount": "deal.deposit"}]},
    ),
    Case("price-with-tax", priced("107.50"), ("107.50",), rules=GROSS),
    Case("price-with-tax-that-no-sum-makes", priced("0.07"), ("0.06",), rules=GROSS),
    Case(
        "price-with-tax-and-discount-on-the-deal",
        deal(LINE, FITTING, document_discount=Decimal(7500)),
        ("270000.00",),
        rules=GROSS,
    ),
    Case("dollars-converted", DOLLARS, ("48866.90",), exchange=(USD,)),
    Case("dollars-kept", DOLLARS, ("32.57",), exchange=(USD,), keeps_foreign=True),
    Case("dollars-without-a-rate", DOLLARS, (), ("currency",)),
    Case("supplied-before-it-was-invoiced", replace(DEAL, close_date=date(2026, 10, 1)), ("255312.50",)),
    Case("supplied-later", replace(DEAL, close_date=date(2026, 12, 24)), ("255312.50",)),
    Case(
        "characters-of-many-languages",
        deal_of(name="Ọ̀ṣun & Söhne “Books” Ltd", street="3 <Sample> Close"),
        ("255312.50",),
    ),
    Case("state-as-people-write-it", deal_of(state="Lagos State"), ("255312.50",)),
    Case(
        "long-description-of-the-buyer",
        replace(DEAL, companies=(replace(COMPANY, description="x" * 400),)),
        ("255312.50",),
    ),
)
