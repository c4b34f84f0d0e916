"""The books broken on purpose, one way after the other, and each found by its name."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization, Role, User
from crm.models import Deal
from crm.services import converting, invoice_due_deals, sync_deals
from crm.tasks import invoice_waiting_deals
from integrations.models import Connection, Quarantine
from invoices.models import (
    Difference,
    DifferenceState,
    Exchange,
    Invoice,
    NumberSeries,
    Purpose,
    Reconciliation,
    RunState,
    Stage,
    Status,
)
from invoices.models.reconciliation import FIRST_DAY
from invoices.reconciling import Cause
from invoices.services import authority_books, reconciling
from invoices.services.differences import wants_people
from invoices.services.exchange_requests import work_exchanges
from invoices.services.numbering import number_report
from invoices.services.reconciling import reconcile
from invoices.services.submitting import submit_due_invoices
from invoices.services.withdrawing import void_invoice
from taxpoynt.overview import overview
from tests.factories import make_member
from tests.invoices.making import make_business
from tests.invoices.standing import unguarded
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


@pytest.fixture
def read(
    organization: Organization, connection: Connection, sandbox: SandboxProcess, settings: Any, monkeypatch: Any
) -> Connection:
    """Return a connection whose deals are read; the authority's list is believed at once."""
    monkeypatch.setattr(authority_books, "LAG", timedelta(0))
    settings.MBS_RESOLVE_WAIT_SECONDS = 0
    make_business(organization, sandbox.get("/_control/businesses")[0])
    sync_deals(connection=connection)
    return connection


@pytest.fixture
def world(read: Connection) -> Connection:
    """Return it with everything invoiced and handed in."""
    invoice_waiting_deals()
    submit_due_invoices(organization=read.organization)
    return read


def run(world: Connection, **window: date) -> Reconciliation:
    found = reconcile(organization=world.organization, **window)
    for currency, row in found.figures.items():
        causes = sum(Decimal(amount) for _, amount in row["causes"].values())
        assert Decimal(row["asked"]) == Decimal(row["acknowledged"]) + causes
        kept = Difference.objects.filter(currency=currency, found_in=found).exclude(amount=None)
        assert sum(each.amount or 0 for each in kept) == causes, "what is listed is what is missing"
    return found


def signed(position: int = 0) -> Invoice:
    return Invoice.objects.filter(status=Status.SIGNED).order_by("pk")[position]


def found(external_id: str) -> dict[str, Decimal | None]:
    """Return the unsettled differences of a deal."""
    mine = Difference.objects.filter(subject__endswith=f":{external_id}").exclude(state=DifferenceState.SETTLED)
    return dict(mine.values_list("cause", "amount"))


def payable(invoice: Invoice) -> Decimal:
    assert invoice.payable_amount is not None
    return invoice.payable_amount


def test_an_amount_that_changed_at_the_authority_is_found_by_its_copies(
    world: Connection, sandbox: SandboxProcess
) -> None:
    invoice = signed()
    sandbox.post("/_control/mbs/alter", {"irn": invoice.irn, "payable_amount": str(payable(invoice) - 100)})
    first = run(world)
    assert Cause.DIFFERS not in found(invoice.source_external_id), "its list tells no amounts"
    assert (first.compared, first.registered) == (0, Invoice.objects.registered().count())
    Exchange.objects.update(next_attempt_at=timezone.now())
    work_exchanges()
    second = run(world)
    assert found(invoice.source_external_id) == {Cause.DIFFERS: Decimal(100)}
    assert (second.compared, second.registered) == (second.registered, first.registered)


def test_copies_are_asked_for_some_at_a_time_and_the_next_run_goes_on(world: Connection, monkeypatch: Any) -> None:
    monkeypatch.setattr(authority_books, "COMPARED_A_RUN", 3)
    run(world)
    asked = Exchange.objects.filter(purpose=Purpose.COMPARE)
    times = list(asked.order_by("next_attempt_at").values_list("next_attempt_at", flat=True))
    assert len(times) == 3
    assert all(later - sooner >= timedelta(seconds=1) for sooner, later in pairwise(times))
    run(world)
    assert asked.filter(stage=Stage.WAITING).count() == 6


def test_what_the_authority_lost_is_named(world: Connection, sandbox: SandboxProcess) -> None:
    invoice = signed()
    sandbox.post("/_control/mbs/forget", {"irn": invoice.irn})
    run(world)
    assert found(invoice.source_external_id) == {Cause.ABSENT: payable(invoice)}
    assert overview().differences == 1, "what is held stands on the home page already"


def test_a_voided_invoice_without_a_successor_is_named(read: Connection, owner: User) -> None:
    invoice_due_deals(connection=read)
    invoice = Invoice.objects.filter(status=Status.READY).order_by("pk")[0]
    void_invoice(invoice=invoice, why="Invented for a test", by=owner)
    submit_due_invoices(organization=read.organization)
    run(read)
    assert found(invoice.source_external_id) == {Cause.VOIDED: payable(invoice)}
    [series] = number_report()
    [(number, reason)] = series.voided
    assert (number, reason.partition(" (")[0]) == (invoice.number, "Invented for a test")
    assert series.is_whole, "a voided number is used"


def test_a_deal_that_our_converter_breaks_on_is_on_the_list_although_nobody_knows_its_sum(
    read: Connection, monkeypatch: Any
) -> None:
    deal = Deal.objects.due().order_by("pk")[0]
    convert = converting.convert_by_rules

    def broken(record: Any, *rest: Any) -> Any:
        if record.external_id == deal.external_id:
            raise ZeroDivisionError
        return convert(record, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(converting, "convert_by_rules", broken)
        invoice_due_deals(connection=read)
        run(read)
    assert found(deal.external_id) == {Cause.UNREADABLE: None}
    assert "ZeroDivisionError" in Difference.objects.get(cause=Cause.UNREADABLE).label
    Deal.objects.filter(pk=deal.pk).update(invoice_due=True)
    invoice_due_deals(connection=read)
    run(read)
    assert Cause.UNREADABLE not in found(deal.external_id)


def test_a_deal_that_could_never_be_read_is_on_the_list(world: Connection) -> None:
    Quarantine.objects.create(connection=world, stream="deals", external_id="990", reason="Its amount is no number.")
    run(world)
    difference = Difference.objects.get(cause=Cause.UNREADABLE)
    assert (difference.amount, difference.label) == (None, "990 – Its amount is no number.")
    assert difference in wants_people(Difference.objects.all())
    Quarantine.objects.update(resolved_at=timezone.now())
    run(world)
    difference.refresh_from_db()
    assert difference.state == DifferenceState.SETTLED


def test_an_invoice_whose_deal_is_not_here_any_more_is_asked_for_by_nobody(world: Connection) -> None:
    invoice = signed()
    with unguarded():
        Invoice.objects.filter(pk=invoice.pk).update(source_external_id="990")
    run(world)
    assert found("990") == {Cause.NOT_DUE: -payable(invoice)}
    assert found(invoice.source_external_id) == {Cause.NOT_INVOICED: payable(invoice)}


def test_an_archived_deal_is_named_with_what_was_invoiced(world: Connection, sandbox: SandboxProcess) -> None:
    invoice = signed()
    sandbox.archive("deals", invoice.source_external_id)
    sync_deals(connection=world, days_back=0)
    run(world)
    assert found(invoice.source_external_id) == {Cause.NOT_DUE: -payable(invoice)}


def test_a_deal_that_was_invoiced_and_then_merged_is_not_counted_twice(
    world: Connection, sandbox: SandboxProcess
) -> None:
    first, second = signed(0), signed(1)
    merged = sandbox.merge(first.source_external_id, second.source_external_id)
    sync_deals(connection=world)
    invoice_due_deals(connection=world)
    whole = run(world)
    assert Decimal(whole.figures["NGN"]["acknowledged"]) == sum(
        each.payable_amount or 0 for each in Invoice.objects.filter(status=Status.SIGNED)
    ), "what is registered under a former id is acknowledged all the same"
    causes = found(merged)
    assert Cause.DUPLICATE in causes
    assert set(causes) <= {Cause.DUPLICATE, Cause.HELD}


def test_a_deal_that_is_lost_before_it_is_invoiced_settles(read: Connection, sandbox: SandboxProcess) -> None:
    deal = Deal.objects.due().order_by("pk")[0]
    run(read)
    assert Cause.NOT_INVOICED in found(deal.external_id)
    sandbox.edit("deals", deal.external_id, dealstage="closedlost")
    sync_deals(connection=read)
    run(read)
    assert found(deal.external_id) == {}


def test_a_won_deal_that_closes_on_a_day_to_come_counts(read: Connection) -> None:
    deal = Deal.objects.due().order_by("pk")[0]
    Deal.objects.filter(pk=deal.pk).update(close_date=timezone.localdate() + timedelta(days=30))
    run(read)
    assert Cause.NOT_INVOICED in found(deal.external_id)


def test_old_deals_are_looked_at_once_a_week_where_all_of_them_take_long(world: Connection) -> None:
    assert run(world).is_whole
    assert run(world).is_whole, "it was quick"
    Reconciliation.objects.update(started_at=timezone.now() - timedelta(minutes=5))
    assert not run(world).is_whole
    Reconciliation.objects.update(started_at=timezone.now() - timedelta(days=8))
    assert run(world).since == FIRST_DAY


def test_a_run_that_was_killed_is_ended_by_the_next_one(world: Connection) -> None:
    dead = Reconciliation.objects.create(
        organization=world.organization, since=FIRST_DAY, until=timezone.localdate(), state=RunState.RUNNING
    )
    run(world)
    dead.refresh_from_db()
    assert (dead.state, dead.problem) == (RunState.PARTIAL, reconciling.DIED)


def test_a_stranger_whose_document_cannot_be_had_is_named_without_an_amount(
    world: Connection, sandbox: SandboxProcess, monkeypatch: Any
) -> None:
    invoice = signed()
    with unguarded():
        Invoice.objects.filter(pk=invoice.pk).update(irn="ELSE000001-C41D9D42-20261120")
    monkeypatch.setattr(authority_books, "FETCHED_A_RUN", 0)
    run(world)
    stranger = Difference.objects.get(cause=Cause.STRANGER)
    assert (stranger.subject, stranger.amount) == (invoice.irn, None)
    monkeypatch.setattr(authority_books, "FETCHED_A_RUN", 1)
    run(world)
    stranger.refresh_from_db()
    assert (stranger.amount, stranger.currency) == (-payable(invoice), "NGN")
    sandbox.post("/_control/mbs/forget", {"irn": invoice.irn})
    run(world)
    stranger.refresh_from_db()
    assert stranger.state == DifferenceState.SETTLED


def test_a_gap_in_the_numbers_is_reported_everywhere(world: Connection) -> None:
    invoice = signed()
    gap = invoice.number
    with unguarded():
        Invoice.objects.filter(pk=invoice.pk).update(number="INV999990")
    [series] = number_report()
    assert (series.gaps, series.twice, series.highest) == ((gap,), (), 999_990)
    assert not series.is_whole
    run(world)
    assert gap in set(Difference.objects.filter(cause=Cause.NUMBER_GAP).values_list("label", flat=True))
    out = StringIO()
    with pytest.raises(CommandError, match="Not whole"):
        call_command("number_report", stdout=out)
    assert f"missing {gap}" in out.getvalue()
    with unguarded():
        Invoice.objects.filter(pk=invoice.pk).update(number=gap)
    run(world)
    assert not Difference.objects.filter(cause=Cause.NUMBER_GAP).exclude(state=DifferenceState.SETTLED).exists()
    call_command("number_report", csv=True, stdout=out)
    assert "whole" in out.getvalue()


def test_a_number_that_two_invoices_bear_is_reported(world: Connection) -> None:
    first, second = signed(0), signed(1)
    with unguarded(), database.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices_invoice DROP CONSTRAINT one_invoice_per_number")
        Invoice.objects.filter(pk=second.pk).update(number=first.number)
    [series] = number_report()
    assert (series.twice, series.gaps) == ((first.number,), (second.number,))


def test_a_counter_that_has_fallen_behind_is_reported(world: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger stands in the way
        NumberSeries.objects.update(last_number=1)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    [series] = number_report()
    assert not series.is_whole
    assert series.highest > series.last


def test_a_reason_is_no_formula_in_the_table_of_numbers(read: Connection, owner: User) -> None:
    invoice_due_deals(connection=read)
    void_invoice(invoice=Invoice.objects.filter(status=Status.READY)[0], why="=1+1 is why", by=owner)
    browser = Client()
    browser.force_login(make_member(read.organization, Role.VIEWER), backend=MODEL_BACKEND)
    text = browser.get(reverse("number_report_csv")).content.decode()
    assert "'=1+1 is why" in text
    assert ",=1" not in text


def test_the_page_takes_away_what_nobody_asks_for(world: Connection, sandbox: SandboxProcess) -> None:
    invoice = signed()
    sandbox.edit("deals", invoice.source_external_id, dealstage="closedlost")
    sync_deals(connection=world)
    run(world)
    browser = Client()
    browser.force_login(make_member(world.organization, Role.VIEWER), backend=MODEL_BACKEND)
    answer = browser.get("/reconciliation/")
    [lost] = [term for each in answer.context["equations"] for term in each.terms if term.cause == Cause.NOT_DUE]
    assert (lost.sign, lost.size) == ("−", payable(invoice))
    assert f"− ₦{payable(invoice):,.2f}" in Reader(answer.content.decode()).text


def test_the_number_of_questions_does_not_grow_with_the_deals(world: Connection, sandbox: SandboxProcess) -> None:
    run(world)  # what is found for the first time is written
    with CaptureQueriesContext(database) as few:
        run(world)
    sandbox.reset(deals=250)
    sync_deals(connection=world)
    invoice_waiting_deals()
    submit_due_invoices(organization=world.organization)
    run(world)
    with CaptureQueriesContext(database) as many:
        run(world)
    assert Deal.objects.won().count() > 80
    assert len(many) <= len(few) + 2, "one more day may have come to the authority's list"


def test_the_page_filters_and_comes_back_to_where_one_was(world: Connection) -> None:
    browser = Client()
    person = make_member(world.organization, Role.ACCOUNTANT)
    browser.force_login(person, backend=MODEL_BACKEND)
    assert "Not reconciled yet" in Reader(browser.get("/reconciliation/").content.decode()).text
    run(world)
    difference = Difference.objects.filter(cause=Cause.HELD).order_by("pk")[0]
    form = {"note": "", "owner": str(person.pk), "back": "cause=held&page=1"}
    answer = browser.post(reverse("difference_decide", args=[difference.pk]), form)
    assert answer["Location"] == "/reconciliation/?cause=held&page=1"
    answer = browser.post(reverse("difference_decide", args=[difference.pk]), {**form, "back": "//elsewhere.example"})
    assert answer["Location"].startswith("/reconciliation/?")
    shown = browser.get("/reconciliation/?owner=me").context["page"].object_list
    assert [each.pk for each in shown] == [difference.pk]
    assert difference not in browser.get("/reconciliation/?owner=owners").context["page"].object_list
    assert browser.get("/reconciliation/?cause=absent").context["page"].object_list == []
    assert browser.get("/reconciliation/?cause=nonsense&state=x&page=y&q=%00").status_code == 200
    assert "deals, all that are won or invoiced" in Reader(browser.get("/reconciliation/").content.decode()).text
