from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.models import WAITING, Breaker, Business, Invoice, Status, Submission
from invoices.services.issuing import issue_drafts
from tests.invoices.making import make_draft
from tests.pages.making import Reader, make_held, make_invoice


def text_of(answer: Any) -> str:
    return Reader(answer.content.decode()).text


def listed(browser: Client, query: str = "") -> set[int]:
    return {invoice.pk for invoice in browser.get(f"/invoices/{query}").context["page"]}


@pytest.fixture
def kinds(account: Connection, business: Business) -> dict[str, Invoice]:
    """Return an invoice of each status, by status."""
    made = {status: make_invoice(account, status) for status in Status.values if status != Status.DRAFT
            and status != Status.SUBMITTING}  # fmt: skip
    return {**made, Status.DRAFT: make_held(account)}


def test_before_the_first_invoice_the_page_says_what_will_be_here(owner_browser: Client) -> None:
    assert "No invoices yet" in text_of(owner_browser.get("/invoices/"))


@pytest.mark.parametrize("status", [Status.DRAFT, Status.READY, Status.SIGNED, Status.REJECTED, Status.UNKNOWN])
def test_the_status_filters(owner_browser: Client, kinds: dict[str, Invoice], status: str) -> None:
    assert listed(owner_browser, f"?status={status}") == {kinds[status].pk}


def test_what_is_on_its_way_can_be_seen_together(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    assert listed(owner_browser, "?status=waiting") == {kinds[status].pk for status in WAITING}


def test_number_irn_buyer_and_deal_are_searched(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    signed = kinds[Status.SIGNED]
    for text in (signed.number, signed.irn, signed.source_label):
        assert listed(owner_browser, f"?q={str(text).lower()}") == {signed.pk}
    assert len(listed(owner_browser, "?q=bridgepoint")) == len(kinds)


def test_dates_are_read_in_the_ways_people_type_them(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    today = kinds[Status.SIGNED].issue_date
    assert today is not None
    for text in (f"{today:%Y-%m-%d}", f"{today:%d/%m/%Y}", f"{today:%d %b %Y}"):
        assert len(listed(owner_browser, f"?since={text}&until={text}")) == len(kinds) - 1
    assert listed(owner_browser, f"?since={today + timedelta(days=1)}") == set()


def test_a_date_that_is_none_is_named_and_left_out(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    answer = owner_browser.get("/invoices/?since=soon")
    assert "Write the date like 22/11/2026." in text_of(answer)
    assert len(answer.context["page"]) == len(kinds)


def test_a_reason_lists_the_drafts_that_are_held_for_it(
    owner_browser: Client, account: Connection, business: Business, kinds: dict[str, Invoice]
) -> None:
    no_lines = make_invoice(account, Status.DRAFT, lines=())
    answer = owner_browser.get("/invoices/?reason=buyer.tin")
    assert {invoice.pk for invoice in answer.context["page"]} == {kinds[Status.DRAFT].pk}
    assert "Held for: The buyer's TIN" in text_of(answer)
    assert listed(owner_browser, "?reason=lines") == {no_lines.pk}
    assert listed(owner_browser, "?reason=%27%29%3B--") == set()


def test_totals_are_those_of_the_filter_and_each_currency_alone(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    signed = make_invoice(account, Status.SIGNED)
    dollars = make_invoice(account, Status.DRAFT, currency="USD")
    text = text_of(owner_browser.get("/invoices/"))
    assert f"1 invoice in NGN to pay ₦{signed.payable_amount:,} VAT in it ₦{signed.tax_amount:,}" in text
    assert f"1 invoice in USD to pay USD {dollars.payable_amount:,}" in text
    assert "in USD" not in text_of(owner_browser.get("/invoices/?status=signed"))


def test_nothing_found_says_what_to_loosen_and_that_dates_leave_drafts_out(
    owner_browser: Client, kinds: dict[str, Invoice]
) -> None:
    text = text_of(owner_browser.get("/invoices/?status=draft&since=2026-01-01"))
    assert "No invoice fits this filter" in text
    assert "Status, Issued from" in text
    assert "Held invoices have no date of issue yet" in text


def test_a_list_too_long_to_count_says_so_and_is_not_added_up(
    owner_browser: Client, account: Connection, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("accounts.lists", "accounts.templatetags.show", "invoices.models.invoice", "invoices.views"):
        monkeypatch.setattr(f"{module}.COUNTED", 2)
    for _ in range(3):
        make_invoice(account)
    page = text_of(owner_browser.get("/invoices/"))
    assert "2+ invoices" in page
    assert "to see them all added up" in page
    assert "VAT in it" not in page


def test_the_number_of_questions_does_not_grow_with_the_invoices(
    owner_browser: Client, account: Connection, business: Business, django_assert_num_queries: Callable[..., Any]
) -> None:
    make_invoice(account)
    with django_assert_num_queries(9) as first:
        owner_browser.get("/invoices/")
    for _ in range(5):
        make_invoice(account)
        make_held(account)
    with django_assert_num_queries(len(first)):
        owner_browser.get("/invoices/")


def test_the_paper_shows_what_the_document_says(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    invoice = kinds[Status.SIGNED]
    page = Reader(owner_browser.get(reverse("invoice", args=[invoice.pk])).content.decode())
    document = json.loads(invoice.body)
    legal = document["legal_monetary_total"]
    for amount in legal.values():
        assert f"₦{amount:,.2f}" in page.text
    assert "VAT 7.5 % on ₦270,000.00 ₦20,250.00" in page.text
    assert f"No. {invoice.number} {invoice.irn}" in page.text
    assert reverse("invoice_qr", args=[invoice.pk]) in [image["src"] for image in page.all("img")]
    assert "Handed in" not in page.text.replace("Handed in for signing", "")


def test_every_marked_figure_has_its_place_in_the_document(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    page = Reader(owner_browser.get(reverse("invoice", args=[kinds[Status.SIGNED].pk])).content.decode())
    places = {attributes["data-path"] for _, attributes in page.tags if "data-path" in attributes}
    marked = {attributes["data-from"] for _, attributes in page.tags if "data-from" in attributes}
    assert "legal_monetary_total.payable_amount" in marked
    assert marked <= places


def test_the_printed_document_keeps_every_digit(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    invoice = kinds[Status.READY]
    answer = owner_browser.get(reverse("invoice", args=[invoice.pk]))
    printed = "".join(f"{each.key}{each.value}{each.tail}" for each in answer.context["document_lines"])
    assert json.loads(printed, parse_float=str, parse_int=str) == json.loads(
        invoice.body, parse_float=str, parse_int=str
    )


def test_the_document_is_given_byte_for_byte_and_the_qr_as_a_picture(
    owner_browser: Client, kinds: dict[str, Invoice]
) -> None:
    invoice = kinds[Status.SIGNED]
    document = owner_browser.get(reverse("invoice_document", args=[invoice.pk]))
    assert document.content == invoice.body
    assert document["Content-Type"] == "application/json"
    picture = owner_browser.get(reverse("invoice_qr", args=[invoice.pk]))
    assert picture["Content-Type"] == "image/svg+xml"
    assert ElementTree.fromstring(picture.content).tag.endswith("svg")  # noqa: S314 - our own picture


def test_a_draft_has_neither_and_names_each_missing_fact_and_where(
    owner_browser: Client, kinds: dict[str, Invoice]
) -> None:
    draft = kinds[Status.DRAFT]
    for name in ("invoice_document", "invoice_qr"):
        assert owner_browser.get(reverse(name, args=[draft.pk])).status_code == 404
    text = text_of(owner_browser.get(reverse("invoice", args=[draft.pk])))
    assert "One fact is missing" in text
    assert draft.missing[0]["label"] in text
    assert draft.missing[0]["where"] in text
    assert "Held: not an invoice yet" in text
    assert "TIN missing" in text


def test_a_draft_without_a_buyer_or_a_seller_still_has_its_page(owner_browser: Client, account: Connection) -> None:
    [issued] = issue_drafts(organization=account.organization, drafts=[make_draft(account.pk, buyer=None, lines=())])
    text = text_of(owner_browser.get(reverse("invoice", args=[issued.invoice_id])))
    assert "Buyer not known" in text
    assert "No lines" in text


def test_attempts_are_told_in_words_the_newest_first(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    invoice, now = kinds[Status.UNKNOWN], timezone.now()
    Submission.objects.create(
        invoice=invoice, attempt=1, step="sign", started_at=now, finished_at=now, http_status=502, outcome="unclear",
        sentence="The authority's gateway gave no answer.",
    )  # fmt: skip
    Submission.objects.create(invoice=invoice, attempt=2, step="search", started_at=now + timedelta(seconds=5))
    text = text_of(owner_browser.get(reverse("invoice", args=[invoice.pk])))
    assert "Handed in for signing: unclear The authority's gateway gave no answer." in text
    assert "attempt 1 · HTTP 502" in text
    assert text.index("Searched for it at the authority: unfinished") < text.index("Handed in for signing")


@pytest.mark.parametrize(
    ("role", "may"), [(Role.OWNER, True), (Role.ACCOUNTANT, True), (Role.OPERATOR, False), (Role.AUDITOR, False)]
)
def test_who_may_submit_gets_the_button_and_others_a_refusal(
    sign_in: Callable[..., Client], kinds: dict[str, Invoice], organization: Organization, role: Role, may: bool
) -> None:
    browser, address = sign_in(role), reverse("invoice_submit", args=[kinds[Status.READY].pk])
    page = Reader(browser.get(reverse("invoice", args=[kinds[Status.READY].pk])).content.decode())
    assert (address in [form["action"] for form in page.all("form")]) is may
    answer = browser.post(address)
    assert answer.status_code == (302 if may else 403)
    if not may:
        assert f"Ask an owner or accountant of {organization}." in text_of(answer)


@pytest.mark.parametrize("status", [Status.SIGNED, Status.REJECTED, Status.UNKNOWN, Status.DRAFT])
def test_only_a_ready_invoice_offers_submitting_and_others_ring_nothing(
    owner_browser: Client, kinds: dict[str, Invoice], status: str,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:  # fmt: skip
    address = reverse("invoice_submit", args=[kinds[status].pk])
    page = Reader(owner_browser.get(reverse("invoice", args=[kinds[status].pk])).content.decode())
    assert address not in [form.get("action") for form in page.all("form")]
    with django_capture_on_commit_callbacks() as rung:
        answer = owner_browser.post(address, follow=True)
    assert rung == []
    assert "Nothing was done" in text_of(answer)


@pytest.mark.usefixtures("broker_away")
def test_submitting_works_with_the_broker_away(
    owner_browser: Client, kinds: dict[str, Invoice], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as rung:
        answer = owner_browser.post(reverse("invoice_submit", args=[kinds[Status.READY].pk]), follow=True)
    assert len(rung) == 1
    assert "or when the queue is back" in text_of(answer)
    assert Invoice.objects.get(pk=kinds[Status.READY].pk).status == Status.READY


def test_while_submissions_are_paused_the_page_says_why_and_rings_nothing(
    owner_browser: Client, kinds: dict[str, Invoice], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    Business.objects.update(submissions_paused_reason="The authority refuses the API key.")
    address = reverse("invoice", args=[kinds[Status.READY].pk])
    assert "Submissions are paused: The authority refuses the API key." in text_of(owner_browser.get(address))
    with django_capture_on_commit_callbacks() as rung:
        answer = owner_browser.post(f"{address}submit/", follow=True)
    assert rung == []
    assert "Operations resume them in the admin." in text_of(answer)


def test_a_rejection_is_told_with_what_to_do(owner_browser: Client, kinds: dict[str, Invoice]) -> None:
    Invoice.objects.filter(pk=kinds[Status.REJECTED].pk).update(problem="The authority does not know the buyer's TIN.")
    text = text_of(owner_browser.get(reverse("invoice", args=[kinds[Status.REJECTED].pk])))
    assert "The authority does not know the buyer's TIN." in text
    assert "Correct it at its source." in text


def test_a_second_person_approves_from_the_page_and_whoever_may_not_is_told_whom_to_ask(
    sign_in: Callable[..., Client], account: Connection, business: Business
) -> None:
    Business.objects.update(approval_above=1000)
    invoice = make_invoice(account)
    address = reverse("invoice_approve", args=[invoice.pk])
    operator = sign_in(Role.OPERATOR)
    assert "an owner or accountant of" in text_of(operator.get(reverse("invoice", args=[invoice.pk])))
    assert operator.post(address).status_code == 403
    accountant = sign_in(Role.ACCOUNTANT)
    page = text_of(accountant.get(reverse("invoice", args=[invoice.pk])))
    assert "above which a second person has to look" in page
    assert "Submit now" not in page
    assert "waits for a second person" in text_of(
        accountant.post(reverse("invoice_submit", args=[invoice.pk]), follow=True)
    )
    assert "is approved and goes out by itself" in text_of(accountant.post(address, follow=True))
    assert Invoice.objects.get(pk=invoice.pk).status == Status.APPROVED
    assert "Approved by a second person" in text_of(accountant.get(reverse("invoice", args=[invoice.pk])))


def test_an_invoice_is_voided_with_a_reason_and_what_is_signed_is_not(
    owner_browser: Client, kinds: dict[str, Invoice]
) -> None:
    address = reverse("invoice_void", args=[kinds[Status.REJECTED].pk])
    assert "Say why" in text_of(owner_browser.post(address, {"why": " "}, follow=True))
    assert "is voided" in text_of(owner_browser.post(address, {"why": "Invoiced on paper"}, follow=True))
    page = text_of(owner_browser.get(reverse("invoice", args=[kinds[Status.REJECTED].pk])))
    assert "Invoiced on paper" in page
    signed = reverse("invoice_void", args=[kinds[Status.SIGNED].pk])
    assert "credited instead" in text_of(owner_browser.post(signed, {"why": "x"}, follow=True))
    assert "Void this invoice" not in text_of(owner_browser.get(reverse("invoice", args=[kinds[Status.SIGNED].pk])))


def test_while_the_authority_is_away_the_page_says_so(
    owner_browser: Client, kinds: dict[str, Invoice], settings: Any
) -> None:
    now = timezone.now()
    Breaker.objects.create(
        authority=settings.MBS_BASE_URL, failures=3, opened_at=now, open_until=now, sentence="No answer."
    )
    assert "has not answered since" in text_of(owner_browser.get(reverse("invoice", args=[kinds[Status.READY].pk])))
    assert "has not answered since" not in text_of(
        owner_browser.get(reverse("invoice", args=[kinds[Status.SIGNED].pk]))
    )
