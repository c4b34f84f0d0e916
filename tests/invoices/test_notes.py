"""Credit and debit notes: what they take back, what they point at, and that nothing is taken back twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import assume, given
from hypothesis import strategies as st

from accounts.models import User
from integrations.models import Connection
from invoices.drafts.lines import totals_of
from invoices.models import Business, Invoice, Proposal, ProposalState, Status
from invoices.notes import DEBIT, NoteInvalid, NoteRequest, Original, note_draft
from invoices.services.approving import NotToApprove, approve
from invoices.services.noting import make_note, original_of, preview_note
from invoices.services.proposing import balance, dismiss
from invoices.services.submitting import submit_due_invoices, submit_invoice
from invoices.services.withdrawing import void_invoice, withdraw
from invoices.taxes import TaxableLine, line_amounts
from tests.factories import make_member
from tests.invoices.making import BUYER, GOODS, SERVICE, TAX, day, make_draft
from tests.invoices.standing import stand_at
from tests.sandbox_process import SandboxProcess

Issue = Callable[..., Invoice]


@pytest.fixture
def accountant(organization: Any) -> User:
    return make_member(organization)


@pytest.fixture
def signed(issue: Issue, business: Business, account: Connection, sandbox: SandboxProcess) -> Invoice:
    """Return an invoice of 290,250.00 that the sandbox's authority holds."""
    return submit_invoice(invoice_id=issue(make_draft(account.pk, "77")).pk)


def test_a_whole_credit_is_a_document_of_its_own_that_points_at_the_invoice(
    signed: Invoice, accountant: User, sandbox: SandboxProcess
) -> None:
    note = make_note(invoice=signed, request=NoteRequest("Goods came back"), by=accountant)
    document = json.loads(note.body)
    assert (note.number, note.type_code, note.status) == ("CRN000001", "380", Status.READY)
    assert document["billing_reference"] == [{"irn": signed.irn, "issue_date": str(signed.issue_date)}]
    assert document["invoice_type_code"] == "380"
    assert document["legal_monetary_total"] == json.loads(signed.body)["legal_monetary_total"], "positive amounts"
    assert submit_due_invoices() == {Status.SIGNED: 1}
    assert Invoice.objects.get(pk=signed.pk).status == Status.CREDITED
    assert balance(signed) == 0


def test_a_credit_that_is_not_signed_yet_leaves_the_invoice_as_it_is(signed: Invoice, accountant: User) -> None:
    make_note(invoice=signed, request=NoteRequest("Goods came back"), by=accountant)
    assert Invoice.objects.get(pk=signed.pk).status == Status.SIGNED


def test_a_credit_by_line_takes_its_share_of_discounts(signed: Invoice, accountant: User) -> None:
    note = make_note(invoice=signed, request=NoteRequest("Four came back", quantities={1: Decimal(4)}), by=accountant)
    # 4 × 25,000 less 4/10 of 12,500, less 95,000/277,500 of the 7,500 off the whole; and VAT on that.
    assert (note.line_extension_amount, note.allowance_amount) == (Decimal("95000.00"), Decimal("2567.57"))
    assert note.payable_amount == Decimal("99364.86")
    assert balance(signed) == Decimal("290250.00") - Decimal("99364.86")


def test_a_credit_by_amount_and_a_debit_move_the_balance(signed: Invoice, accountant: User) -> None:
    amount = NoteRequest("Late delivery", net=Decimal(1000), tax_category="STANDARD_VAT")
    credit = make_note(invoice=signed, request=amount, by=accountant)
    debit = make_note(invoice=signed, request=replace(amount, type_code=DEBIT), by=accountant)
    assert (credit.payable_amount, debit.payable_amount) == (Decimal(1075), Decimal(1075))
    assert (debit.number, json.loads(debit.body)["invoice_type_code"]) == ("DBN000001", "384")
    assert balance(signed) == signed.payable_amount


def test_more_than_is_left_is_refused_with_what_is_left(signed: Invoice, accountant: User) -> None:
    make_note(invoice=signed, request=NoteRequest("Two came back", quantities={1: Decimal(2)}), by=accountant)
    with pytest.raises(NoteInvalid, match=r"240,567\.56 NGN is left of INV000001 after its notes"):
        make_note(invoice=signed, request=NoteRequest("All of it"), by=accountant)
    with pytest.raises(NoteInvalid, match="Line 1 sold 10, of which 2 are credited already"):
        make_note(invoice=signed, request=NoteRequest("Nine", quantities={1: Decimal(9)}), by=accountant)
    assert Invoice.objects.filter(original=signed).count() == 1


def test_the_database_refuses_to_credit_beyond_the_invoice(signed: Invoice, accountant: User) -> None:
    first = make_note(invoice=signed, request=NoteRequest("All"), by=accountant)
    first.pk, first.number, first.irn, first.source_part = None, "CRN000002", "CRN000002-C41D9D42-20261120", "2"
    with pytest.raises(IntegrityError, match="credited beyond"), transaction.atomic():
        first.save(force_insert=True)


def test_a_voided_note_counts_no_longer(signed: Invoice, accountant: User) -> None:
    note = make_note(invoice=signed, request=NoteRequest("All"), by=accountant)
    void_invoice(invoice=note, why="A mistake", by=accountant)
    again = make_note(invoice=signed, request=NoteRequest("Half", quantities={2: Decimal(1)}), by=accountant)
    assert (again.source_part, again.number) == ("2", "CRN000002")


@pytest.mark.parametrize(
    ("request_made", "sentence"),
    [
        (NoteRequest(" "), "Say why"),
        (NoteRequest("x", quantities={}), "at least one line"),
        (NoteRequest("x", quantities={7: Decimal(1)}), "no line 7"),
        (NoteRequest("x", quantities={1: Decimal(11)}), "sold 10"),
        (NoteRequest("x", quantities={1: Decimal(-1)}), "sold 10"),
        (NoteRequest("x", net=Decimal(0), tax_category="STANDARD_VAT"), "above nothing"),
        (NoteRequest("x", net=Decimal("0.001"), tax_category="STANDARD_VAT"), "naira and kobo"),
        (NoteRequest("x", net=Decimal(1), tax_category="ZERO_VAT"), "no line of the tax category"),
        (NoteRequest("x", type_code=DEBIT), "needs an amount"),
    ],
)
def test_what_makes_no_note_is_said(signed: Invoice, request_made: NoteRequest, sentence: str) -> None:
    with pytest.raises(NoteInvalid, match=sentence):
        preview_note(invoice=signed, request=request_made)


def test_only_what_the_authority_has_is_credited_and_a_note_is_not(
    issue: Issue, business: Business, signed: Invoice, accountant: User
) -> None:
    with pytest.raises(NoteInvalid, match="only what the authority has"):
        preview_note(invoice=issue(), request=NoteRequest("x"))
    note = make_note(invoice=signed, request=NoteRequest("x", quantities={2: Decimal(1)}), by=accountant)
    with pytest.raises(NoteInvalid, match="A note is not credited"):
        preview_note(invoice=stand_at(note, Status.SIGNED), request=NoteRequest("x"))


def test_a_note_waits_for_another_person_where_the_policy_says_so(signed: Invoice, accountant: User) -> None:
    Business.objects.update(approval_kinds=["credit note"])
    note = make_note(invoice=signed, request=NoteRequest("All"), by=accountant)
    assert note.needs_approval
    with pytest.raises(NotToApprove, match="somebody else"):
        approve(organization=note.organization, invoice_ids=[note.pk], by=accountant)


def test_a_deal_that_changes_after_signing_proposes_a_note_and_edits_nothing(
    issue: Issue, signed: Invoice, account: Connection, accountant: User
) -> None:
    after = issue(make_draft(account.pk, "77", lines=(GOODS,), document_discount=Decimal(0)))
    assert after.body == signed.body
    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.difference) == (ProposalState.OPEN, Decimal("255312.50") - Decimal("290250.00"))
    assert "it comes to 34,937.50 NGN less" in proposal.why
    issue(make_draft(account.pk, "77", buyer=replace(BUYER, tin="90099999-0001")))
    proposal.refresh_from_db()
    assert "the buyer is Bridgepoint Book Depot Ltd (90099999-0001)" in proposal.why
    issue(make_draft(account.pk, "77"))
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.GONE


def test_a_note_answers_the_proposal_and_the_deal_then_agrees(
    issue: Issue, signed: Invoice, account: Connection, accountant: User
) -> None:
    changed = make_draft(account.pk, "77", lines=(GOODS,), document_discount=Decimal(7500))
    issue(changed)
    make_note(
        invoice=signed,
        request=NoteRequest("No fitting", net=Decimal(40000), tax_category="STANDARD_VAT"),
        by=accountant,
    )
    assert Proposal.objects.get().state == ProposalState.DONE
    issue(changed)
    assert not Proposal.objects.filter(state=ProposalState.OPEN).exists()


def test_a_dismissed_proposal_comes_back_only_when_the_difference_is_another(
    issue: Issue, signed: Invoice, account: Connection, accountant: User
) -> None:
    changed = make_draft(account.pk, "77", lines=(SERVICE,), document_discount=Decimal(0))
    issue(changed)
    assert dismiss(proposal=Proposal.objects.get(), why="Agreed with the buyer", by=accountant)
    assert not dismiss(proposal=Proposal.objects.get(), why="Again", by=accountant)
    issue(changed)
    assert Proposal.objects.filter(state=ProposalState.OPEN).count() == 0
    issue(make_draft(account.pk, "77", lines=(GOODS,), document_discount=Decimal(0)))
    assert Proposal.objects.filter(state=ProposalState.OPEN).count() == 1


def test_a_deal_that_is_lost_after_signing_proposes_to_take_everything_back(
    signed: Invoice, account: Connection
) -> None:
    withdraw(connection=account, kind="deal", external_ids=["77"], why="The deal was archived.")
    proposal = Proposal.objects.get()
    assert (proposal.difference, proposal.why) == (-(signed.payable_amount or 0), "The deal was archived.")
    assert Invoice.objects.get(pk=signed.pk).status == Status.SIGNED


kobo = st.decimals(min_value=0, max_value=5000, places=2)
lines_of_invoices = st.lists(
    st.builds(
        lambda quantity, price, share, fee, category: replace(
            GOODS,
            quantity=quantity,
            unit_price=price,
            discount=(quantity * price * share).quantize(Decimal("0.01"))
            if quantity * price * share <= quantity * price
            else Decimal(0),
            fee=fee,
            tax_category=category,
        ),
        st.decimals(min_value="0.001", max_value=500, places=3),
        st.decimals(min_value="0.01", max_value=90000, places=2),
        st.sampled_from([Decimal(0), Decimal("0.05"), Decimal("0.333")]),
        kobo,
        st.sampled_from(["STANDARD_VAT", "ZERO_VAT", "EXEMPTED"]),
    ),
    min_size=1,
    max_size=5,
)


@given(lines_of_invoices, st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("12.34")]))
def test_a_whole_credit_always_comes_to_just_what_the_invoice_did(lines: list[Any], charge: Decimal) -> None:
    amounts = [
        line_amounts(TaxableLine(line.quantity, line.unit_price, line.discount, line.fee, ""), Decimal(0)).net
        for line in lines
    ]
    draft = make_draft(lines=tuple(lines), document_discount=Decimal(0), document_charge=charge)
    totals = totals_of(draft, day("2026-11-20"), TAX)
    assume(totals is not None)  # what comes to nothing was never registered
    original = Original(
        1, 1, "INV1", "INV1-C41D9D42-20261120", day("2026-11-20"), "B2B", "NGN", BUYER, day("2026-11-20"),
        dict(enumerate(zip(lines, amounts, strict=True), 1)), Decimal(0), charge,
    )  # fmt: skip
    credited = totals_of(note_draft(original, NoteRequest("x"), part="1"), day("2026-11-20"), TAX)
    assert credited == totals
    by_line = NoteRequest("x", quantities={position: line.quantity for position, line in enumerate(lines, 1)})
    assert totals_of(note_draft(original, by_line, part="1"), day("2026-11-20"), TAX) == totals


def test_the_frozen_lines_make_the_original(signed: Invoice) -> None:
    original = original_of(signed)
    assert [net for _, net in original.lines.values()] == [Decimal("237500.00"), Decimal("40000.00")]
    assert (original.allowance, original.kind, original.tax_point) == (Decimal(7500), "B2B", signed.issue_date)
