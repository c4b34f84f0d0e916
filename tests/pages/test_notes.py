from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.models import Business, Invoice, Proposal, ProposalState, Status
from tests.pages.making import Reader, make_invoice, outsider


def text_of(answer: object) -> str:
    return Reader(answer.content.decode()).text  # type: ignore[attr-defined]


@pytest.fixture
def signed(account: Connection, business: Business) -> Invoice:
    return make_invoice(account, Status.SIGNED)


def test_a_note_is_worked_out_first_and_made_once_it_is_confirmed(owner_browser: Client, signed: Invoice) -> None:
    address = reverse("invoice_note", args=[signed.pk])
    assert address in owner_browser.get(reverse("invoice", args=[signed.pk])).content.decode()
    asked = {"how": "lines", "line_1": "4", "reason": "Four came back"}
    shown = text_of(owner_browser.post(address, asked))
    assert "It comes to ₦99,364.86 : ₦92,432.43 and ₦6,932.43 VAT." in shown or "₦99,364.86" in shown
    assert not Invoice.objects.filter(original=signed).exists()
    made = text_of(owner_browser.post(address, {**asked, "confirmed": "yes"}, follow=True))
    assert "Credit note CRN000001" in made
    assert f"Note on {signed}" in made
    assert "Tax invoice" not in made
    assert "Credit_note" not in made
    assert "CRN000001 −₦99,364.86" in text_of(owner_browser.get(reverse("invoice", args=[signed.pk])))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"how": "whole"}, "Say why"),
        ({"how": "amount", "reason": "x"}, "Give the amount before tax"),
        ({"how": "lines", "reason": "x"}, "at least one line"),
        ({"how": "lines", "reason": "x", "line_1": "11"}, "less than or equal to 10"),
        ({"how": "amount", "reason": "x", "net": "9999999", "tax_category": "STANDARD_VAT"}, "is left of"),
        ({"how": "amount", "reason": "x", "net": "1e999", "tax_category": "STANDARD_VAT"}, "digits"),
        ({"how": "gift", "reason": "x"}, "not one of the available choices"),
    ],
)
def test_what_makes_no_note_stands_on_the_form(
    owner_browser: Client, signed: Invoice, asked: dict[str, str], sentence: str
) -> None:
    answer = owner_browser.post(reverse("invoice_note", args=[signed.pk]), asked)
    assert answer.status_code == 422
    assert sentence in text_of(answer)


def test_what_is_not_signed_has_no_note_and_says_why(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    ready = make_invoice(account)
    answer = owner_browser.get(reverse("invoice_note", args=[ready.pk]), follow=True)
    assert "only what the authority has is credited" in text_of(answer)


def test_who_may_not_submit_makes_no_note(sign_in: Callable[..., Client], signed: Invoice) -> None:
    assert sign_in(Role.OPERATOR).get(reverse("invoice_note", args=[signed.pk])).status_code == 403


def test_another_tenants_invoice_has_no_note_here(
    owner_browser: Client, other_organization: Organization, signed: Invoice
) -> None:
    assert outsider(other_organization)
    Proposal.objects.create(invoice=signed, why="x")
    assert owner_browser.get(reverse("invoice_note", args=[signed.pk + 999])).status_code == 404


def test_a_changed_deal_is_listed_and_can_be_let_stand(owner_browser: Client, signed: Invoice) -> None:
    assert "Nothing has changed" in text_of(owner_browser.get(reverse("proposals")))
    proposal = Proposal.objects.create(invoice=signed, why="The deal was archived.", difference=Decimal("-290250"))
    assert "1 signed invoice no longer says what its deal says" in text_of(owner_browser.get("/"))
    assert "The deal was archived." in text_of(owner_browser.get(reverse("proposals")))
    assert "The deal was archived." in text_of(owner_browser.get(reverse("invoice", args=[signed.pk])))
    address = reverse("proposal_dismiss", args=[proposal.pk])
    assert "Say why" in text_of(owner_browser.post(address, {"why": ""}, follow=True))
    assert "stays as it is" in text_of(owner_browser.post(address, {"why": "Agreed"}, follow=True))
    assert "somebody decided it before" in text_of(owner_browser.post(address, {"why": "Agreed"}, follow=True))
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decision) == (ProposalState.DISMISSED, "Agreed")


def test_what_waits_for_a_second_person_stands_on_the_home_page_and_has_a_list(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    Business.objects.update(approval_kinds=["B2B"])
    invoice = make_invoice(account)
    assert "1 invoice waits for a second person" in text_of(owner_browser.get("/"))
    listed = owner_browser.get("/invoices/?status=to_approve").context["page"]
    assert [each.pk for each in listed] == [invoice.pk]


def test_the_home_page_counts_no_note_as_an_invoice_and_takes_its_amount_off(
    owner_browser: Client, signed: Invoice
) -> None:
    address = reverse("invoice_note", args=[signed.pk])
    owner_browser.post(address, {"how": "whole", "reason": "All came back", "confirmed": "yes"})
    note = Invoice.objects.get(original=signed)
    piles = owner_browser.get("/").context["overview"].piles
    assert (piles["signed"].count, piles["signed"].amount) == (1, signed.payable_amount)
    assert (piles["waiting"].count, piles["waiting"].amount) == (0, -(note.payable_amount or 0))
