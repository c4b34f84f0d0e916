"""Deals, invoices and the sandbox's authority reconciled, and each thing that is broken on purpose named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from accounts.models import Organization, Role, User
from crm.models import Deal
from crm.services import sync_deals
from crm.tasks import invoice_waiting_deals
from integrations.models import Connection
from integrations.services.leases import give_back, take
from invoices.models import Difference, DifferenceState, Invoice, Reconciliation, RunState, Status
from invoices.notes import NoteRequest
from invoices.reconciling import Cause
from invoices.services import authority_books, reconciling
from invoices.services.differences import explain_difference
from invoices.services.noting import make_note
from invoices.services.numbering import number_report
from invoices.services.reconciling import AlreadyRunning, reconcile, reconcile_and_tell
from invoices.services.submitting import submit_due_invoices
from tests.factories import make_member
from tests.invoices.making import make_business
from tests.invoices.standing import unguarded
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]
EVER = date(2000, 1, 1)


@pytest.fixture
def world(
    organization: Organization, connection: Connection, sandbox: SandboxProcess, settings: Any, monkeypatch: Any
) -> Connection:
    """Return a connection whose deals are invoiced and handed in; the authority's list is believed at once."""
    monkeypatch.setattr(authority_books, "LAG", reconciling.timedelta(0))
    settings.MBS_RESOLVE_WAIT_SECONDS = 0
    make_business(organization, sandbox.get("/_control/businesses")[0])
    sync_deals(connection=connection)
    invoice_waiting_deals()
    submit_due_invoices(organization=organization)
    return connection


def run(world: Connection) -> Reconciliation:
    found = reconcile(organization=world.organization, since=EVER)
    for row in found.figures.values():
        causes = sum(Decimal(amount) for _, amount in row["causes"].values())
        assert Decimal(row["asked"]) == Decimal(row["acknowledged"]) + causes
    return found


def signed(position: int = 0) -> Invoice:
    return Invoice.objects.filter(status=Status.SIGNED).order_by("pk")[position]


def differences(invoice: Invoice) -> dict[str, Decimal | None]:
    label = Deal.objects.get(external_id=invoice.source_external_id)
    return {each.cause: each.amount for each in Difference.objects.filter(subject__endswith=label.external_id)}


def test_everything_is_acknowledged_or_held_with_a_reason(world: Connection) -> None:
    found = run(world)
    assert found.state == RunState.COMPLETE
    figures = found.figures["NGN"]
    total = sum(each.payable_amount or 0 for each in Invoice.objects.filter(status=Status.SIGNED))
    assert Decimal(figures["acknowledged"]) == total > 0
    assert set(Difference.objects.values_list("cause", flat=True)) == {Cause.HELD}
    assert found.sources == Deal.objects.won().count()


def test_a_deal_that_changed_after_signing_is_named_with_the_amount_and_settles(
    world: Connection, sandbox: SandboxProcess
) -> None:
    invoice = signed()
    line = Deal.objects.get(external_id=invoice.source_external_id).lines.order_by("position").first()
    assert line is not None
    before = line.quantity
    sandbox.edit("line_items", line.external_id, quantity="1000")
    sandbox.edit("deals", invoice.source_external_id, description="changed")
    sync_deals(connection=world)
    run(world)
    [difference] = Difference.objects.filter(cause=Cause.CHANGED)
    assert (difference.state, difference.invoice_id) == (DifferenceState.OPEN, None)
    assert (difference.amount or 0) > 0
    sandbox.edit("line_items", line.external_id, quantity=str(before))
    sandbox.edit("deals", invoice.source_external_id, description="changed back")
    sync_deals(connection=world)
    run(world)
    difference.refresh_from_db()
    assert difference.state == DifferenceState.SETTLED


def test_a_lost_deal_is_named_until_it_is_credited(
    world: Connection, sandbox: SandboxProcess, owner: User, monkeypatch: Any
) -> None:
    invoice = signed()
    sandbox.edit("deals", invoice.source_external_id, dealstage="closedlost")
    sync_deals(connection=world)
    run(world)
    assert differences(invoice)[Cause.NOT_DUE] == -(invoice.payable_amount or 0)
    make_note(invoice=invoice, request=NoteRequest("Lost"), by=owner)
    submit_due_invoices(organization=world.organization)
    run(world)
    assert not Difference.objects.filter(cause=Cause.NOT_DUE).exclude(state=DifferenceState.SETTLED).exists()


def test_what_the_authority_does_not_list_is_named(world: Connection, sandbox: SandboxProcess) -> None:
    invoice = signed()
    with unguarded():
        Invoice.objects.filter(pk=invoice.pk).update(irn="GONE000001-C41D9D42-20261120", issue_date=date(2026, 11, 20))
    run(world)
    found = differences(invoice)
    assert found[Cause.ABSENT] == invoice.payable_amount
    stranger = Difference.objects.get(cause=Cause.STRANGER)
    assert (stranger.subject, stranger.amount) == (invoice.irn, -(invoice.payable_amount or 0))


def test_an_invoice_that_vanished_is_not_invoiced_and_unknown_here(world: Connection) -> None:
    invoice = signed()
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger and no key stands in the way
        for table in ("invoices_invoiceline", "invoices_submission", "invoices_invoicemove"):
            cursor.execute(f"DELETE FROM {table} WHERE invoice_id = %s", [invoice.pk])  # noqa: S608 - our own tables
        cursor.execute("DELETE FROM invoices_invoice WHERE id = %s", [invoice.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    run(world)
    assert differences(invoice) == {Cause.NOT_INVOICED: invoice.payable_amount}
    assert Difference.objects.get(cause=Cause.STRANGER).subject == invoice.irn
    [series] = number_report()
    assert series.gaps == (invoice.number,)
    assert series.used == series.last - 1


def test_numbers_are_whole_and_voided_ones_have_their_reason(world: Connection) -> None:
    [series] = number_report()
    assert (series.gaps, series.voided, series.used) == ((), (), series.last)


def test_an_authority_that_cannot_be_asked_makes_the_run_partial_and_settles_nothing(
    world: Connection, sandbox: SandboxProcess
) -> None:
    business = Invoice.objects.filter(business__isnull=False).first()
    assert business is not None
    sandbox.fail_next("GET", f"/api/v1/invoice/{business.business.business_id}", status=500, times=100)  # type: ignore[union-attr]
    found = run(world)
    assert found.state == RunState.PARTIAL
    assert found.problem
    assert Decimal(found.figures["NGN"]["acknowledged"]) == 0
    assert Difference.objects.filter(cause=Cause.NOT_ASKED).exists()
    sandbox.set(fail_next=[])
    run(world)
    assert not Difference.objects.filter(cause=Cause.NOT_ASKED).exclude(state=DifferenceState.SETTLED).exists()


def test_what_people_explained_stays_explained_while_its_amount_is_the_same(world: Connection, owner: User) -> None:
    run(world)
    difference = Difference.objects.filter(cause=Cause.HELD).first()
    assert difference is not None
    explain_difference(difference=difference, note="The buyer is asked", owner=owner, by=owner)
    run(world)
    difference.refresh_from_db()
    assert (difference.state, difference.owner) == (DifferenceState.EXPLAINED, owner)
    Difference.objects.filter(pk=difference.pk).update(amount=Decimal("0.01"))
    run(world)
    difference.refresh_from_db()
    assert difference.state == DifferenceState.OPEN


def test_what_was_signed_a_moment_ago_is_not_missed_yet(world: Connection, monkeypatch: Any) -> None:
    invoice = signed()
    monkeypatch.setattr(authority_books, "LAG", reconciling.timedelta(minutes=5))
    with unguarded():
        Invoice.objects.filter(pk=invoice.pk).update(irn="NEWER00001-C41D9D42-20261120")
    run(world)
    assert differences(invoice) == {Cause.NOT_ASKED: invoice.payable_amount}


def test_two_runs_of_one_organization_do_not_meet(world: Connection) -> None:
    held = take(f"{reconciling.RECONCILIATION} {world.organization_id}")
    assert held is not None
    with pytest.raises(AlreadyRunning):
        reconcile(organization=world.organization)
    give_back(held)
    reconcile(organization=world.organization)


def test_owners_hear_once_of_what_is_new(world: Connection) -> None:
    make_member(world.organization, Role.OWNER, email="owner@people.example")
    reconcile_and_tell(organization_id=world.organization_id, user_id=None)
    assert len(mail.outbox) == 1
    assert "Held: a fact is missing" in mail.outbox[0].body
    reconcile_and_tell(organization_id=world.organization_id, user_id=None)
    assert len(mail.outbox) == 1


def test_the_command_prints_the_equation_and_fails_for_a_partial_run(
    world: Connection, sandbox: SandboxProcess
) -> None:
    out = StringIO()
    call_command("reconcile", since=EVER, stdout=out)
    assert "NGN asked = " in out.getvalue()
    assert "none missing" in out.getvalue()
    with pytest.raises(CommandError, match="no such organization"):
        call_command("reconcile", organization="nobody")


def test_the_page_shows_an_equation_that_adds_up_and_takes_an_explanation(world: Connection) -> None:
    run(world)
    browser = Client()
    person = make_member(world.organization, Role.ACCOUNTANT)
    browser.force_login(person, backend=MODEL_BACKEND)
    answer = browser.get(reverse("reconciliation"))
    [equation] = [each for each in answer.context["equations"] if each.currency == "NGN"]
    assert equation.asked == equation.acknowledged + sum(amount for amount in (term.amount for term in equation.terms))
    text = Reader(answer.content.decode()).text
    assert "Acknowledged by the tax authority" in text
    difference = Difference.objects.filter(cause=Cause.HELD).first()
    assert difference is not None
    form = {"note": "Asked the buyer", "owner": str(person.pk)}
    browser.post(reverse("difference_decide", args=[difference.pk]), form)
    difference.refresh_from_db()
    assert (difference.state, difference.owner, difference.decided_by) == (DifferenceState.EXPLAINED, person, person)
    assert "Asked the buyer" in Reader(browser.get("/reconciliation/?state=explained").content.decode()).text
    assert "INV" in browser.get(reverse("number_report_csv")).content.decode()


def test_who_may_only_look_decides_nothing(world: Connection) -> None:
    run(world)
    browser = Client()
    browser.force_login(make_member(world.organization, Role.VIEWER), backend=MODEL_BACKEND)
    assert browser.get(reverse("reconciliation")).status_code == 200
    difference = Difference.objects.first()
    assert difference is not None
    assert browser.post(reverse("difference_decide", args=[difference.pk]), {"note": "x"}).status_code == 403
    assert browser.post(reverse("reconcile_now")).status_code == 403
