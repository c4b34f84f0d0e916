"""Documents are made again byte for byte, whatever rates, exchange rates, settings and the seller say by then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from invoices.models import Business, ExchangeRate, Invoice, LegalRule, SellerVersion, Status, TaxRate
from invoices.notes import NoteRequest
from invoices.services.law import enter_rates
from invoices.services.noting import make_note
from invoices.services.rebuilding import CannotRebuild, rebuild_document
from tests.invoices.making import GOODS, SERVICE
from tests.invoices.standing import stand_at

pytestmark = pytest.mark.django_db
SUPPLIED = date(2026, 11, 20)
SILENT = replace(GOODS, tax_category="", hsn_code="", product_category="")


@pytest.mark.parametrize("foreign", ["convert", "keep"])
def test_a_document_is_made_again_after_everything_around_it_has_changed(
    business: Business, issue: Callable[..., Invoice], settings: Any, foreign: str
) -> None:
    settings.MBS_FOREIGN_CURRENCY = foreign
    Business.objects.update(hsn_code="9403.20", product_category="Other metal furniture")
    enter_rates(rows=[("USD", SUPPLIED, Decimal("1500.25"))], source="Invented bank", by=None)
    gross = {"prices_include_tax": True, "document_discount": Decimal("1.10")}
    common: dict[str, Any] = {"supply_date": SUPPLIED, "lines": (SILENT, SERVICE)}
    invoices = [issue(**common), issue(**common, currency="USD"), issue(**{**common, **gross})]
    TaxRate.objects.create(category="STANDARD_VAT", percent=10, since=SUPPLIED, law="an invented Act, late")
    ExchangeRate.objects.update(rate=1)
    LegalRule.objects.all().delete()
    settings.MBS_FOREIGN_CURRENCY = "keep" if foreign == "convert" else "convert"
    Business.objects.update(
        legal_name="Another Name Ltd", payment_terms_days=5, default_tax_category="EXEMPTED", hsn_code="0101.21"
    )
    for invoice in Invoice.objects.filter(pk__in=[each.pk for each in invoices]):
        assert invoice.status == Status.READY, invoice.missing
        assert hashlib.sha256(rebuild_document(invoice)).hexdigest() == invoice.document_sha256
    assert SellerVersion.objects.count() == 1


def test_another_profile_is_another_version(business: Business, issue: Callable[..., Invoice]) -> None:
    first = issue()
    Business.objects.update(legal_name="Another Name Ltd")
    second = issue()
    assert first.seller_version != second.seller_version
    assert rebuild_document(first) == first.body
    assert b"Another Name Ltd" in rebuild_document(second)


def test_no_key_is_kept_with_the_seller(business: Business, issue: Callable[..., Invoice]) -> None:
    content = str(issue().seller_version.content)  # type: ignore[union-attr]
    assert business.certificate
    assert business.certificate not in content
    assert business.public_key not in content


def test_a_note_is_made_again_at_the_rates_of_its_invoice(
    business: Business, issue: Callable[..., Invoice], owner: User
) -> None:
    signed = stand_at(issue(), Status.SIGNED)
    TaxRate.objects.create(category="STANDARD_VAT", percent=10, since=date(2020, 2, 2), law="an invented Act, late")
    note = make_note(invoice=signed, request=NoteRequest("Everything came back"), by=owner)
    assert note.payable_amount == signed.payable_amount
    assert rebuild_document(note) == note.body


def test_what_has_no_number_cannot_be_made_again(business: Business, issue: Callable[..., Invoice]) -> None:
    with pytest.raises(CannotRebuild):
        rebuild_document(issue(buyer=None))


def test_what_a_document_was_made_with_is_frozen_with_it(business: Business, issue: Callable[..., Invoice]) -> None:
    signed = stand_at(issue(), Status.SIGNED)
    for change in ({"seller_version": None}, {"tax_rules": None}, {"source_currency": "USD"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Invoice.objects.filter(pk=signed.pk).update(**change)
    versions = SellerVersion.objects.all()
    for refused in (lambda: versions.update(content={}), lambda: versions._raw_delete("default")):
        with pytest.raises(IntegrityError), transaction.atomic():
            refused()


def test_a_rate_to_come_can_be_corrected_until_an_invoice_uses_it(
    business: Business, issue: Callable[..., Invoice]
) -> None:
    coming = TaxRate.objects.create(category="STANDARD_VAT", percent=100, since=date(2099, 1, 1), law="a slip")
    issue()
    TaxRate.objects.filter(pk=coming.pk).update(percent=10, law="an invented Act")
    coming.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        TaxRate.objects.filter(category="STANDARD_VAT").update(percent=10)


@pytest.mark.parametrize(("foreign", "currency"), [("convert", "NGN"), ("keep", "USD")])
def test_an_invoice_has_its_amounts_in_naira_in_either_currency(
    business: Business, issue: Callable[..., Invoice], settings: Any, foreign: str, currency: str
) -> None:
    settings.MBS_FOREIGN_CURRENCY = foreign
    enter_rates(rows=[("USD", SUPPLIED, Decimal(1500))], source="Invented bank", by=None)
    line = replace(SERVICE, unit_price=Decimal(40))
    invoice = issue(currency="USD", supply_date=SUPPLIED, lines=(line,), document_discount=Decimal(0), kind="B2C")
    assert (invoice.currency, invoice.naira_amount, invoice.naira_tax) == (currency, 64_500, 4_500)
    assert invoice.deadline_rule == "b2c-report-hours"  # 43 dollars are above a threshold of naira
    plain = issue()
    assert (plain.naira_amount, plain.naira_tax) == (plain.payable_amount, plain.tax_amount)


def test_without_a_rate_the_naira_are_not_known(business: Business, issue: Callable[..., Invoice]) -> None:
    held = issue(currency="USD", supply_date=SUPPLIED)
    assert (held.status, held.currency, held.naira_amount) == (Status.DRAFT, "USD", None)
    assert held.payable_amount is not None
