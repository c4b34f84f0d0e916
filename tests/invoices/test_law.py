"""The law as rows: seeded, guarded, used, and kept with what was made by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled

from accounts.models import Organization
from integrations.models import Connection
from invoices.drafts import InvoiceDraft
from invoices.models import Enforcement, ExchangeRate, Invoice, LegalRule, Status, TaxRate, TaxRulesVersion
from invoices.services.issuing import issue_drafts
from invoices.services.law import RatesUnreadable, enter_rates, law_in_force, read_rates, tax_rules_of
from invoices.tasks import retry_waiting_for_rates
from invoices.taxes import rules_from_json
from tests.invoices.making import LAW, SERVICE, TAX, make_business, make_connection, make_draft
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
SUPPLIED = date(2026, 11, 20)


@pytest.fixture
def account(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0])
    return make_connection(organization)


def issue(account: Connection, **changes: Any) -> Invoice:
    draft = make_draft(account.pk, **{"supply_date": SUPPLIED, **changes})
    [issued] = issue_drafts(organization=account.organization, drafts=[draft])
    return Invoice.objects.get(pk=issued.invoice_id)


def test_a_new_installation_knows_the_law_and_where_it_stands() -> None:
    assert law_in_force().tax == TAX
    assert law_in_force().rule("b2c-threshold", SUPPLIED) == LAW.rule("b2c-threshold", SUPPLIED)
    assert all(rule.law for rule in LegalRule.objects.all())
    medium = Enforcement.objects.get(turnover_class__startswith="Medium", milestone="go-live")
    assert medium.begins == date(2026, 7, 1)


def test_the_same_rates_in_any_order_and_from_json_are_one_version() -> None:
    assert rules_from_json(reversed(TAX.to_json())) == TAX


def test_an_invoice_names_the_rates_it_was_made_with_and_they_are_kept_whole(account: Connection) -> None:
    invoice = issue(account)
    assert invoice.status == Status.READY
    assert tax_rules_of(invoice) == TAX


def test_a_new_rate_holds_from_its_day(account: Connection) -> None:
    TaxRate.objects.create(category="STANDARD_VAT", percent=10, since=SUPPLIED, law="an invented Act")
    assert {line.tax_rate for line in issue(account).lines.all()} == {Decimal(10)}
    before = issue(account, supply_date=date(2026, 11, 19))
    assert {line.tax_rate for line in before.lines.all()} == {Decimal("7.5")}


def test_information_never_enters_a_total(account: Connection) -> None:
    TaxRate.objects.create(
        category="STANDARD_VAT", percent=50, since=date(2026, 1, 1), law="an invented Act", is_information=True
    )
    assert {line.tax_rate for line in issue(account).lines.all()} == {Decimal("7.5")}


@pytest.mark.parametrize(
    "change",
    [
        lambda: TaxRate.objects.filter(category="STANDARD_VAT").update(percent=8),
        lambda: TaxRate.objects.filter(category="STANDARD_VAT").delete(),
        lambda: TaxRulesVersion.objects.update(content=[]),
        lambda: TaxRulesVersion.objects.all().delete(),
    ],
)
def test_what_invoices_were_made_with_is_refused_any_change(account: Connection, change: Any) -> None:
    issue(account)
    with pytest.raises(IntegrityError), transaction.atomic():
        change()


def test_a_rate_that_nobody_used_and_the_words_of_its_law_can_change(account: Connection) -> None:
    TaxRate.objects.filter(category="STANDARD_VAT").update(percent=8)
    issue(account)
    TaxRate.objects.filter(category="STANDARD_VAT").update(law="said better")


@pytest.mark.parametrize(
    "row",
    [
        {"category": "STANDARD_VAT", "percent": 8, "since": date(2020, 2, 1), "law": "twice"},
        {"category": "STANDARD_VAT", "percent": 101, "since": SUPPLIED, "law": "x"},
        {"category": "STANDARD_VAT", "percent": 8, "since": SUPPLIED, "law": ""},
    ],
)
def test_rates_that_cannot_be_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        TaxRate.objects.create(**row)


def test_a_category_without_a_rate_holds_the_invoice_and_names_it(account: Connection) -> None:
    invoice = issue(account, lines=(replace(SERVICE, tax_category="REDUCED_VAT"),), document_discount=Decimal(0))
    assert invoice.status == Status.DRAFT
    assert "REDUCED_VAT" in invoice.missing[0]["where"]


def test_a_sale_in_dollars_waits_for_its_rate_and_goes_on_when_it_is_entered(account: Connection) -> None:
    invoice = issue(account, currency="USD")
    assert (invoice.status, invoice.currency) == (Status.DRAFT, "USD")
    assert invoice.missing[0]["field"] == "currency"
    enter_rates(rows=[("USD", SUPPLIED, Decimal("1500.25"))], source="Invented bank", by=None)
    retry_waiting_for_rates()
    invoice.refresh_from_db()
    assert (invoice.status, invoice.currency, invoice.source_currency) == (Status.READY, "NGN", "USD")
    assert (invoice.exchange_rate, invoice.exchange_day, invoice.exchange_source) == (
        Decimal("1500.25"), SUPPLIED, "Invented bank",
    )  # fmt: skip
    assert b"USD at 1500.25 NGN (Invented bank, 20 Nov 2026)" in invoice.body


def test_a_rate_is_found_however_many_newer_ones_are_kept(account: Connection) -> None:
    for rate, currency in ((Decimal("1500.25"), "USD"), (Decimal(1700), "EUR")):
        days = [SUPPLIED + timedelta(days=number) for number in range(1_100)]
        enter_rates(rows=[(currency, day, rate) for day in days], source="Invented bank", by=None)
    invoice = issue(account, currency="USD")
    assert (invoice.exchange_rate, invoice.exchange_day) == (Decimal("1500.25"), SUPPLIED)
    assert {each.currency for each in law_in_force(["USD"]).exchange} == {"USD"}
    assert len(law_in_force(currencies=None).exchange) == 2_200


def test_invoices_in_naira_load_no_exchange_rates(account: Connection) -> None:
    enter_rates(rows=[("USD", SUPPLIED, Decimal(1500))], source="Invented bank", by=None)
    assert law_in_force(["NGN"]).exchange == ()


def test_a_sale_that_only_in_naira_is_too_large_says_so(account: Connection) -> None:
    enter_rates(rows=[("USD", SUPPLIED, Decimal("1500"))], source="Invented bank", by=None)
    huge = replace(SERVICE, unit_price=Decimal(900_000_000))
    invoice = issue(account, currency="USD", lines=(huge,), document_discount=Decimal(0))
    assert invoice.status == Status.DRAFT
    assert "that cannot be invoiced" in invoice.missing[0]["label"]


def test_the_rate_of_a_numbered_invoice_stays_when_its_deal_changes(account: Connection) -> None:
    enter_rates(rows=[("USD", SUPPLIED, Decimal(1500))], source="Invented bank", by=None)
    invoice = issue(account, currency="USD")
    enter_rates(rows=[("USD", SUPPLIED, Decimal(1600))], source="Invented bank", by=None)
    changed = issue(account, currency="USD", external_id=invoice.source_external_id, note="changed")
    assert changed.pk == invoice.pk
    assert b"changed" in changed.body
    assert changed.exchange_rate == 1500


@pytest.mark.parametrize(
    "text", ["USD 2026-11-20", "NGN 2026-11-20 1", "XXY 2026-11-20 1", "USD 20/11/2026 1", "USD 2026-11-20 0", "", "x"]
)
def test_rates_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(RatesUnreadable):
        read_rates(text)


def test_a_day_that_is_given_two_rates_is_named_and_the_same_twice_is_one() -> None:
    with pytest.raises(RatesUnreadable, match="Lines 1 and 3 give USD two rates on 2026-11-20"):
        read_rates("USD 2026-11-20 1500\n\nusd,2026-11-20,1501")
    assert read_rates("USD 2026-11-20 1500\nusd,2026-11-20,1500.0") == [("USD", SUPPLIED, Decimal(1500))]


def test_rates_are_pasted_in_the_admin_and_waiting_invoices_go_on(
    account: Connection, admin_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    invoice = issue(account, currency="USD")
    form = {"lines": "usd, 2026-11-20, 1500.25\nEUR;2026-11-20;1700", "source": "Invented bank"}
    address = reverse("admin:invoices_exchangerate_add")
    wrong = admin_client.post(address, {**form, "lines": "usd 1500"})
    assert "is no rate" in wrong.content.decode()
    with scopes_disabled():
        assert admin_client.post(address, form).status_code == 302
    assert ExchangeRate.objects.count() == 2
    retry_waiting_for_rates()
    invoice.refresh_from_db()
    assert invoice.status == Status.READY


def test_the_admin_says_why_a_used_rate_stays(account: Connection, admin_client: Client) -> None:
    issue(account)
    rate = TaxRate.objects.get(category="STANDARD_VAT")
    address = reverse("admin:invoices_taxrate_change", args=[rate.pk])
    form = {"category": "STANDARD_VAT", "percent": "9", "since": "2020-02-01", "law": "x"}
    answer = admin_client.post(address, form, follow=True)
    assert "Add a row with a day of its own" in answer.content.decode()
    rate.refresh_from_db()
    assert rate.percent == Decimal("7.5")


def test_the_instant_of_a_consumers_sale_sets_its_deadline_and_stays_with_it(account: Connection) -> None:
    sold_at = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    invoice = issue(account, kind="B2C", buyer=None, supplied_at=sold_at)
    assert invoice.deadline_at == sold_at + timedelta(hours=24)
    assert InvoiceDraft.from_json(invoice.draft, {}).supplied_at == sold_at
