from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Deal, Owner, Pipeline
from integrations.models import Connection
from invoices.drafts import SourceRef
from invoices.models import Business, Status
from tests.pages.making import Reader, make_company, make_deal, make_held, make_invoice


def listed(browser: Client, query: str = "") -> list[str]:
    """Return the names of the deals in the order of the page."""
    return [str(deal) for deal in browser.get(f"/deals/{query}").context["page"]]


def text_of(answer: Any) -> str:
    return Reader(answer.content.decode()).text


@pytest.fixture
def three(account: Connection) -> list[Deal]:
    """Return a won, an open and a lost deal."""
    Pipeline.objects.create(
        organization_id=account.organization_id,
        connection=account,
        external_id="default",
        label="Sales",
        stages={
            "2": {"label": "Closed Won", "order": 2},
            "1": {"label": "Contract Sent", "order": 1},
            "3": {"label": "Closed Lost", "order": 3},
        },
    )
    owner = Owner.objects.create(
        organization_id=account.organization_id, connection=account, external_id="71", name="Musa Invented"
    )
    return [
        make_deal(account, name="Alpha racks", amount=Decimal(300), company=make_company(account, "Dawnlight Ltd")),
        make_deal(
            account, name="Beta solar", amount=None, is_won=False, is_closed=False, stage_label="Contract Sent",
            stage_external_id="1", owner_external_id=owner.external_id, close_date=date(2026, 12, 24),
        ),
        make_deal(
            account, name="Gamma move", amount=Decimal(9_000), is_won=False, stage_label="Closed Lost",
            close_date=date(2026, 1, 2), external_id="777000",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Beta solar", "Alpha racks", "Gamma move"]),
        ("?state=won", ["Alpha racks"]),
        ("?state=open", ["Beta solar"]),
        ("?state=lost", ["Gamma move"]),
        ("?stage=Contract+Sent", ["Beta solar"]),
        ("?q=SOLAR", ["Beta solar"]),
        ("?q=dawnlight", ["Alpha racks"]),
        ("?q=777000", ["Gamma move"]),
        ("?q=racks&state=lost", []),
        ("?sort=name", ["Alpha racks", "Beta solar", "Gamma move"]),
        ("?sort=-name", ["Gamma move", "Beta solar", "Alpha racks"]),
        ("?sort=amount", ["Alpha racks", "Gamma move", "Beta solar"]),
        ("?sort=-amount", ["Gamma move", "Alpha racks", "Beta solar"]),
        ("?sort=closed", ["Gamma move", "Alpha racks", "Beta solar"]),
        ("?sort=nonsense", ["Beta solar", "Alpha racks", "Gamma move"]),
        ("?page=99", ["Beta solar", "Alpha racks", "Gamma move"]),
        ("?page=abc", ["Beta solar", "Alpha racks", "Gamma move"]),
    ],
)
def test_the_address_filters_and_sorts(
    owner_browser: Client, three: list[Deal], query: str, expected: list[str]
) -> None:
    assert listed(owner_browser, query) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("dawnlight", ["Alpha racks"]), ("be", ["Beta solar"]), ("ta", []), ("7770", ["Gamma move"]), ("zebra", [])],
)
@pytest.mark.parametrize("by_id", [0, 1_000], ids=["in very many companies", "in few"])
def test_a_search_finds_deals_and_those_of_companies_however_many_have_the_text(
    owner_browser: Client,
    three: list[Deal],
    text: str,
    expected: list[str],
    by_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crm.models.deal.COMPANIES_BY_ID", by_id)
    assert listed(owner_browser, f"?q={text}") == expected


def test_the_owner_and_the_account_filter(owner_browser: Client, three: list[Deal], account: Connection) -> None:
    assert listed(owner_browser, f"?owner={Owner.objects.get().pk}") == ["Beta solar"]
    assert len(listed(owner_browser, f"?connection={account.pk}")) == 3


@pytest.mark.parametrize("query", ["?state=maybe", "?stage=Nowhere", "?owner=x", "?connection=0", "?q=%00"])
def test_a_filter_that_makes_no_sense_is_named_and_left_out(
    owner_browser: Client, three: list[Deal], query: str
) -> None:
    answer = owner_browser.get(f"/deals/{query}")
    assert answer.status_code == 200
    assert len(answer.context["page"]) == 3
    assert answer.context["filters"].errors


def test_nothing_found_names_the_filters_to_loosen(owner_browser: Client, three: list[Deal]) -> None:
    text = text_of(owner_browser.get("/deals/?q=zebra&state=won"))
    assert "No deal fits this filter" in text
    assert "Set fewer of these: Search, Outcome." in text


def test_before_the_first_deal_the_page_says_what_will_be_here(owner_browser: Client) -> None:
    text = text_of(owner_browser.get("/deals/"))
    assert "No deals yet" in text
    assert "Go to connections" in text


def test_fifty_stand_on_a_page_and_links_keep_the_filter(owner_browser: Client, account: Connection) -> None:
    for number in range(51):
        make_deal(account, name=f"Deal {number:02}")
    answer = owner_browser.get("/deals/?state=won&sort=name")
    assert len(answer.context["page"]) == 50
    page = Reader(answer.content.decode())
    assert "1–50 of 51 deals" in page.text
    assert "?state=won&sort=name&page=2" in [link["href"] for link in page.all("a")]
    assert listed(owner_browser, "?state=won&sort=name&page=2") == ["Deal 50"]


def test_the_header_in_use_says_which_way_it_sorts_and_turns_round(owner_browser: Client, three: list[Deal]) -> None:
    page = Reader(owner_browser.get("/deals/?sort=amount&state=won").content.decode())
    assert [cell["aria-sort"] for cell in page.all("th") if "aria-sort" in cell] == ["ascending"]
    assert "?sort=-amount&state=won" in [link["href"] for link in page.all("a")]


def test_each_deal_stands_beside_its_invoice_or_the_reason(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    signed, held = make_invoice(account, Status.SIGNED), make_held(account)
    make_deal(account, external_id=signed.source_external_id)
    make_deal(account, external_id=held.source_external_id)
    make_deal(account, invoice_due=True)
    make_deal(account, is_won=False, is_closed=False)
    text = text_of(owner_browser.get("/deals/"))
    assert f"Signed {signed.number}" in text
    assert "Held The buyer's TIN" in text
    assert "Next" in text
    assert "Not won yet" in text


def test_an_invoice_of_another_connections_deal_with_the_same_id_is_not_shown(
    owner_browser: Client, account: Connection, business: Business, connection: Connection
) -> None:
    invoice = make_invoice(account, Status.SIGNED)
    make_deal(connection, external_id=invoice.source_external_id)
    assert str(invoice.number) not in text_of(owner_browser.get("/deals/"))


def test_the_number_of_questions_does_not_grow_with_the_deals(
    owner_browser: Client, account: Connection, business: Business, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    def questions() -> CaptureQueriesContext:
        with django_assert_max_num_queries(14) as asked:
            owner_browser.get("/deals/")
        found: CaptureQueriesContext = asked
        return found

    make_deal(account, company=make_company(account, "One Ltd"))
    few = len(questions())
    for _ in range(10):
        invoice = make_invoice(account)
        make_deal(account, external_id=invoice.source_external_id, company=make_company(account, "Many Ltd"))
    assert len(questions()) == few


def test_a_deal_shows_lines_with_totals_buyer_and_raw_facts(owner_browser: Client, account: Connection) -> None:
    deal = make_deal(account, company=make_company(account, "Dawnlight Ltd"), url="https://crm.example/deal/1")
    page = Reader(owner_browser.get(reverse("deal", args=[deal.pk])).content.decode())
    assert "₦25,000.50" in page.text
    assert "₦5,000.00" in page.text  # 10 × 500 off
    assert "Lines together, before tax ₦245,005.00" in page.text
    assert "Dawnlight Ltd TIN 90054321-0001" in page.text
    assert "dealname" in page.text
    assert "https://crm.example/deal/1" in [link["href"] for link in page.all("a")]


def test_of_a_tiered_price_the_page_shows_what_the_provider_says_and_the_invoice_bills(
    owner_browser: Client, account: Connection
) -> None:
    deal = make_deal(account, amount=Decimal("180000.00"))
    deal.lines.update(extra={"pricing_model": "volume"}, amount=Decimal("180000.00"), unit_discount=None)
    text = text_of(owner_browser.get(reverse("deal", args=[deal.pk])))
    assert "Lines together, before tax ₦180,000.00" in text
    assert "The lines are invoiced, not the typed amount" not in text


def test_a_typed_amount_that_its_lines_contradict_is_told(owner_browser: Client, account: Connection) -> None:
    agreeing, other = make_deal(account, amount=Decimal("245005.00")), make_deal(account, amount=Decimal(300_000))
    told = "The deal says 300,000.00 and its lines less its discount come to 245,005.00."
    assert told in text_of(owner_browser.get(reverse("deal", args=[other.pk])))
    text = text_of(owner_browser.get(reverse("deal", args=[agreeing.pk])))
    assert "The lines are invoiced, not the typed amount" not in text


def test_a_deal_in_parts_shows_the_invoice_of_each_part(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    deal = make_deal(account, next_part_on=date(2026, 12, 24))
    source = SourceRef(account.pk, "deal", deal.external_id, "1")
    first = make_invoice(account, Status.SIGNED, source=source)
    second = make_held(account, source=replace(source, part="2"))
    text = text_of(owner_browser.get(reverse("deal", args=[deal.pk])))
    assert "Invoices of 2 parts" in text
    assert f"Part 1 Signed Number {first.number}" in text
    assert "Part 2 Held Held. Fill these in and the next sync makes the invoice: The buyer's TIN" in text
    assert "The next part is due on 24 Dec 2026" in text
    listed = text_of(owner_browser.get("/deals/"))
    assert f"Signed {first.number} Held The buyer's TIN" in listed
    assert second.pk != first.pk


def test_a_line_without_a_price_leaves_the_total_open(owner_browser: Client, account: Connection) -> None:
    deal = make_deal(account)
    deal.lines.update(unit_price=None)
    assert "Lines together, before tax –" in text_of(owner_browser.get(reverse("deal", args=[deal.pk])))


def test_a_deal_tells_what_its_invoice_lacks(owner_browser: Client, account: Connection, business: Business) -> None:
    held = make_held(account)
    deal = make_deal(account, external_id=held.source_external_id)
    text = text_of(owner_browser.get(reverse("deal", args=[deal.pk])))
    assert "Held. Fill these in and the next sync makes the invoice: The buyer's TIN" in text
    assert held.missing[0]["where"] in text


def test_an_address_that_is_not_of_the_web_becomes_no_link(owner_browser: Client, account: Connection) -> None:
    deal = make_deal(account, url="javascript:alert(1)")
    page = Reader(owner_browser.get(reverse("deal", args=[deal.pk])).content.decode())
    assert not [link for link in page.all("a") if link["href"].startswith("javascript")]


def test_what_a_provider_wrote_is_shown_as_words_and_never_run(owner_browser: Client, account: Connection) -> None:
    deal = make_deal(account, name="<script>alert(1)</script>", payload={"x": "</pre><script>alert(2)</script>"})
    for address in ("/deals/", reverse("deal", args=[deal.pk])):
        assert not Reader(owner_browser.get(address).content.decode()).inline_scripts
