"""Drafts become invoices once, numbered without gaps, or are held with every gap named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django_scopes import scope
from django_scopes.exceptions import ScopeError

from accounts.models import Organization
from integrations.models import Connection
from invoices.document import check_document
from invoices.models import Business, Invoice, InvoiceLine, NumberSeries, Status
from invoices.services.issuing import ForeignConnection, issue_drafts, reissue_held
from tests.invoices.making import BUYER, GOODS, SERVICE, make_connection, make_draft
from tests.invoices.standing import stand_at, unguarded
from tests.sandbox_process import SandboxProcess

Issue = Callable[..., Invoice]


def test_a_complete_draft_becomes_ready_with_everything_frozen(issue: Issue, business: Business) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 23, 30, tzinfo=UTC), tick=False):
        invoice = issue(note="Two lots")
    assert invoice.status == Status.READY
    assert invoice.number == "INV000001"
    assert invoice.irn == f"INV000001-{business.service_id}-20261121"  # it is past midnight in Lagos
    assert str(invoice.issue_time) == "00:30:00"
    assert (invoice.payable_amount, invoice.tax_amount) == (Decimal("290250.00"), Decimal("20250.00"))
    assert invoice.document_sha256 == hashlib.sha256(invoice.body).hexdigest()
    check_document(invoice.body)
    assert [line.net_amount for line in invoice.lines.order_by("position")] == [Decimal(237500), Decimal(40000)]
    assert invoice.snapshot["deal"]
    assert invoice.missing == []


def test_the_authority_can_read_the_code(issue: Issue, business: Business, sandbox: SandboxProcess) -> None:
    invoice = issue()
    answer = sandbox.post("/_control/qr", {"payload": invoice.qr_payload})
    assert answer["irn"] == invoice.irn
    assert answer["certificate_ok"] is True
    assert answer["suffix_form"] == "unix"


def test_a_lacking_draft_is_held_and_takes_no_number(issue: Issue, business: Business) -> None:
    held = issue(buyer=replace(BUYER, tin="", city=""))
    assert held.status == Status.DRAFT
    assert [fact["field"] for fact in held.missing] == ["buyer.tin", "buyer.city"]
    assert held.number is held.irn is held.document is None
    assert held.payable_amount == Decimal("290250.00")  # what is held back can be added up
    assert held.lines.count() == 2
    assert issue().number == "INV000001"


def test_a_draft_that_cannot_be_added_up_shows_no_amount(issue: Issue, business: Business) -> None:
    held = issue(lines=(GOODS, replace(SERVICE, unit_price=Decimal("NaN"))))
    assert (held.status, held.payable_amount, held.lines.count()) == (Status.DRAFT, None, 0)


def test_without_a_profile_the_draft_says_so(issue: Issue) -> None:
    held = issue()
    assert held.status == Status.DRAFT
    assert [fact["field"] for fact in held.missing] == ["seller"]
    assert held.business is None


def test_a_held_draft_is_issued_when_its_facts_come(issue: Issue, business: Business, account: Connection) -> None:
    held = issue(make_draft(account.pk, "77", buyer=replace(BUYER, tin="")))
    invoice = issue(make_draft(account.pk, "77"))
    assert (invoice.pk, invoice.status, invoice.number) == (held.pk, Status.READY, "INV000001")
    assert invoice.missing == []


def test_held_drafts_are_issued_when_the_profile_comes(
    issue: Issue, organization: Organization, sandbox: SandboxProcess, request: pytest.FixtureRequest
) -> None:
    held = [issue(), issue()]
    request.getfixturevalue("business")
    issued = reissue_held(organization=organization)
    assert [each.invoice_id for each in issued] == [each.pk for each in held]
    assert {each.status for each in issued} == {Status.READY}


def test_a_deal_is_never_invoiced_twice(issue: Issue, business: Business, account: Connection) -> None:
    first = stand_at(issue(make_draft(account.pk, "77")), Status.SIGNED)
    again = issue(make_draft(account.pk, "77", lines=(SERVICE,), document_discount=Decimal(0)))
    assert again.pk == first.pk
    assert again.body == first.body
    assert again.updated_at == first.updated_at
    assert NumberSeries.objects.get().last_number == 1


def test_of_one_deal_twice_in_a_chunk_the_later_counts(
    organization: Organization, business: Business, account: Connection
) -> None:
    drafts = [make_draft(account.pk, "77", buyer=replace(BUYER, tin="")), make_draft(account.pk, "77")]
    first, second = issue_drafts(organization=organization, drafts=drafts)
    assert first == second
    assert Invoice.objects.get().status == Status.READY


def test_each_part_of_a_deal_is_an_invoice_of_its_own(issue: Issue, business: Business, account: Connection) -> None:
    draft = make_draft(account.pk, "77")
    first, second = issue(draft), issue(replace(draft, source=replace(draft.source, part="2")))
    assert (first.number, second.number) == ("INV000001", "INV000002")


def test_numbers_are_gapless_over_a_mixed_chunk(
    organization: Organization, business: Business, account: Connection
) -> None:
    drafts = [make_draft(account.pk, buyer=BUYER if index % 3 else replace(BUYER, tin="")) for index in range(12)]
    issued = issue_drafts(organization=organization, drafts=drafts)
    assert [each.status for each in issued] == ["draft", "ready", "ready"] * 4
    numbers = Invoice.objects.filter(number__isnull=False).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"INV{position:06d}" for position in range(1, 9)]


def test_a_document_that_our_own_check_refuses_is_held_and_takes_no_number(
    organization: Organization, business: Business, account: Connection
) -> None:
    bad = make_draft(account.pk, buyer=replace(BUYER, email="a@b.c."))  # passes for people, not for the schema
    issued = issue_drafts(organization=organization, drafts=[bad, make_draft(account.pk)])
    assert [each.status for each in issued] == ["draft", "ready"]
    assert issued[0].missing[0].field == "document"
    assert "accounting_customer_party.email" in issued[0].missing[0].label
    assert Invoice.objects.get(pk=issued[1].invoice_id).number == "INV000001"


def test_a_new_prefix_starts_a_new_series(issue: Issue, business: Business) -> None:
    issue()
    Business.objects.update(number_prefix="KANO")
    assert issue().number == "KANO000001"


def test_an_unchanged_draft_is_not_written_again(issue: Issue, business: Business, account: Connection) -> None:
    draft = make_draft(account.pk, "77", buyer=replace(BUYER, tin=""))
    first = issue(draft)
    assert issue(draft).updated_at == first.updated_at


def test_a_connection_of_another_tenant_is_refused(
    organization: Organization, other_organization: Organization, business: Business, account: Connection
) -> None:
    with scope(organization=other_organization):
        theirs = make_connection(other_organization, "62516")
    with pytest.raises(ForeignConnection, match="nothing was issued"):
        issue_drafts(organization=organization, drafts=[make_draft(account.pk), make_draft(theirs.pk)])
    assert not Invoice.objects.exists()


def test_invoices_of_another_tenant_are_out_of_reach(
    issue: Issue, business: Business, other_organization: Organization
) -> None:
    issue()
    with scope(organization=other_organization):
        assert not Invoice.objects.exists()
        assert not InvoiceLine.objects.exists()
        assert not Business.objects.exists()


def test_without_a_scope_nothing_is_reached(db: None) -> None:
    for model in (Invoice, InvoiceLine, Business, NumberSeries):
        with pytest.raises(ScopeError):
            model.objects.count()


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"status": "draft"}, "cannot go from ready to draft"),
        ({"status": "invented"}, "cannot go from ready to invented"),
        ({"status": "signed"}, "was never handed in"),
        ({"signed_at": datetime(2026, 11, 20, tzinfo=UTC)}, "signed_means_signed_at"),
        ({"document": None}, "an_invoice_has_number_and_document"),
        ({"number": None}, "never change"),
        ({"document_sha256": ""}, "an_invoice_has_number_and_document"),
        ({"next_attempt_at": None}, "waiting_has_a_time"),
        ({"status": "submitting"}, "submitting_has_a_lease"),
    ],
)
def test_the_database_refuses_what_cannot_be(
    issue: Issue, business: Business, changes: dict[str, Any], constraint: str
) -> None:
    invoice = issue()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(**changes)


def test_the_database_refuses_a_number_twice(issue: Issue, business: Business) -> None:
    first, second = issue(), issue()
    with unguarded(), pytest.raises(IntegrityError, match="one_invoice_per_number"), transaction.atomic():
        Invoice.objects.filter(pk=second.pk).update(number=first.number)


def test_a_numbered_invoice_is_never_deleted(issue: Issue, business: Business) -> None:
    with pytest.raises(ProtectedError):
        issue().delete()
    issue(buyer=None).delete()
    assert Invoice.objects.count() == 1


def test_the_keys_are_not_readable_in_the_database(business: Business) -> None:
    from django.db import connection as database

    with database.cursor() as cursor:
        cursor.execute("SELECT certificate, api_key, api_secret FROM invoices_business")
        row = cursor.fetchone()
    assert all(column and "sandbox" not in column and business.certificate not in column for column in row)
