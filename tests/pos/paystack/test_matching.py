"""Payments read over real HTTP pay the organization's invoices, by rule and by hand, and no invoice twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from urllib.parse import urlsplit

import orjson
import pytest
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization, User
from integrations.models import Connection, ConnectionStatus, EventStatus, RunStatus, WebhookEvent
from integrations.services.own_addresses import address_of
from integrations.services.webhooks import split_deliveries
from invoices.models import Exchange, Invoice, Purpose, Status
from pos.models import MatchedBy, PaymentState, TerminalPayment
from pos.paystack.webhooks import sign
from pos.records import PaymentRecord
from pos.services.matching import (
    MatchRefused,
    let_go,
    mark_closed_invoices,
    match_by_hand,
    match_payment,
    match_waiting,
    set_aside,
    take_up,
    tell_paid_invoices,
)
from pos.services.paying import refresh_payments, sync_payments
from pos.services.saving_payments import save_payments
from pos.tasks import match_waiting_payments, process_payment_events, read_payments, sync_payments_of
from tests.invoices.standing import stand_at
from tests.pos.paystack.conftest import ONE, TWO, Issuer, Terminal
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
Tell = Callable[..., int]


@pytest.fixture
def tell(client: Client, paying: Connection) -> Tell:
    """Deliver an event of the first account and have all that wait processed."""

    def send(kind: str = "charge.success", **data: object) -> int:
        body = orjson.dumps({"event": kind, "data": data})
        headers = {"x-paystack-signature": sign(ONE, body)}
        path = urlsplit(address_of(paying)).path
        status = client.post(path, body, content_type="application/json", headers=headers).status_code
        split_deliveries()
        process_payment_events(paying.pk)
        return status

    return send


def payment(**which: object) -> TerminalPayment:
    return TerminalPayment.objects.get(**which)


def told(invoice: Invoice) -> list[str]:
    return list(Exchange.objects.filter(invoice=invoice, purpose=Purpose.PAYMENT).values_list("wanted", flat=True))


def test_a_notice_brings_the_payment_and_the_invoice_that_it_names_is_paid_and_told(
    tell: Tell, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    taken = terminal.take(500_000, metadata={"invoice": invoice.number, "terminal_id": "2TPT"})
    assert tell(reference=taken["reference"]) == 200
    stored = payment()
    assert (stored.invoice, stored.matched_by, stored.amount) == (invoice, MatchedBy.REFERENCE, Decimal(5000))
    assert (stored.terminal_id, stored.state) == ("2TPT", PaymentState.SUCCEEDED)
    assert told(invoice) == ["PAID"]
    assert WebhookEvent.objects.get().status == EventStatus.PROCESSED


def test_what_a_notice_claims_is_never_believed(tell: Tell, terminal: Terminal, issue: Issuer) -> None:
    invoice = issue(5000)
    pending = terminal.take(500_000, status="pending")
    tell(reference=pending["reference"], status="success", amount=500_000, metadata={"invoice": invoice.number})
    assert (payment().state, payment().invoice) == (PaymentState.PENDING, None)
    terminal.finish(pending["reference"])
    tell(reference=pending["reference"], again=1)
    assert (payment().state, payment().invoice) == (PaymentState.SUCCEEDED, invoice)


def test_the_only_unpaid_invoice_of_its_amount_is_paid_and_two_are_left_to_people(
    paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    one, two, also_two = issue(5000), issue(7000), issue(7000)
    terminal.take(500_000, reference="clear")
    terminal.take(700_000, reference="unclear")
    sync_payments_of(paying.pk)
    assert payment(reference="clear").invoice == one
    unclear = payment(reference="unclear")
    assert (unclear.invoice, told(two), told(also_two)) == (None, [], [])
    assert "2 unpaid ones" in unclear.why_not
    assert list(TerminalPayment.objects.needing_somebody()) == [unclear]


def test_two_payments_for_one_invoice_are_left_to_people(paying: Connection, terminal: Terminal, issue: Issuer) -> None:
    issue(5000)
    terminal.take(500_000)
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    assert not TerminalPayment.objects.matched().exists()


def test_an_invoice_is_told_paid_only_when_its_parts_come_to_all_of_it(
    paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    for kobo in (200_000, 250_000):
        terminal.take(kobo, metadata={"irn": invoice.irn})
    sync_payments_of(paying.pk)
    assert (TerminalPayment.objects.matched().count(), told(invoice)) == (2, [])
    terminal.take(60_000, metadata={"irn": invoice.irn}, reference="too much")
    terminal.take(50_000, metadata={"irn": invoice.irn}, reference="the rest")
    sync_payments_of(paying.pk)
    assert payment(reference="too much").invoice is None
    assert payment(reference="the rest").invoice == invoice
    assert told(invoice) == ["PAID"]


def test_an_invoice_that_is_signed_or_made_later_is_found_then(
    paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    invoice = issue(5000, Status.READY)
    TerminalPayment.objects.update(looked_at=timezone.now() - timedelta(minutes=6))
    assert match_waiting_payments() == 1
    assert (payment().invoice, told(invoice)) == (invoice, [])
    stand_at(invoice, Status.SIGNED)
    assert match_waiting_payments() == 1
    assert told(invoice) == ["PAID"]
    assert match_waiting_payments() == 0


def test_a_status_that_somebody_set_at_the_authority_stands(
    paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    Exchange.objects.create(invoice=invoice, purpose=Purpose.PAYMENT, wanted="PENDING", next_attempt_at=timezone.now())
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    assert (payment().invoice, told(invoice)) == (invoice, ["PENDING"])


@pytest.mark.parametrize("status", [Status.DRAFT, Status.VOIDED, Status.CREDITED])
def test_an_invoice_that_is_none_to_pay_is_not_paid(
    paying: Connection, terminal: Terminal, issue: Issuer, status: str
) -> None:
    if status != Status.DRAFT:
        invoice = issue(5000, status)
        terminal.take(500_000, metadata={"invoice": invoice.number})
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    assert not TerminalPayment.objects.matched().exists()


def test_copies_late_ones_and_any_order_end_in_the_same_rows(tell: Tell, terminal: Terminal, issue: Issuer) -> None:
    invoice = issue(5000)
    taken = terminal.take(500_000)
    terminal.refund(taken["reference"])
    tell("refund.processed", transaction_reference=taken["reference"])
    tell(reference=taken["reference"])
    tell(reference=taken["reference"])
    stored = payment()
    assert (stored.state, stored.invoice, stored.refunded_amount) == (PaymentState.REVERSED, None, Decimal(5000))
    assert (WebhookEvent.objects.count(), told(invoice)) == (2, [])


def test_an_older_read_never_goes_over_a_newer_and_a_list_never_undoes_a_refund(paying: Connection) -> None:
    now = timezone.now()
    paid = PaymentRecord("1", "T1", "succeeded", Decimal(5000), "NGN", now, now)
    back = PaymentRecord("1", "T1", "succeeded", Decimal(5000), "NGN", now, now, refunded_amount=Decimal(5000))
    before = PaymentRecord("1", "T1", "pending", Decimal(4000), "NGN", now, None)
    save_payments(connection=paying, records=[back], read_at=now)
    save_payments(connection=paying, records=[before], read_at=now - timedelta(seconds=1))
    assert (payment().state, payment().amount) == (PaymentState.REVERSED, Decimal(5000))
    save_payments(connection=paying, records=[paid], read_at=now + timedelta(seconds=1))
    assert (payment().state, payment().refunded_amount) == (PaymentState.REVERSED, Decimal(5000))


def test_money_that_was_given_back_pays_no_invoice_and_says_what_to_do(
    tell: Tell, paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    taken = terminal.take(500_000)
    tell(reference=taken["reference"])
    assert payment().invoice == invoice
    terminal.refund(taken["reference"])
    tell("refund.processed", transaction_reference=taken["reference"])
    stored = payment()
    assert (stored.state, stored.invoice) == (PaymentState.REVERSED, None)
    assert str(invoice.number) in stored.problem
    assert "payment status back" in stored.problem
    assert list(TerminalPayment.objects.needing_somebody()) == [stored]


def test_a_part_that_was_given_back_is_read_without_a_notice_and_marked(
    paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    taken = terminal.take(500_000)
    sync_payments_of(paying.pk)
    terminal.refund(taken["reference"], amount=100_000)
    sync_payments_of(paying.pk)
    stored = payment()
    assert (stored.invoice, stored.refunded_amount) == (invoice, Decimal(1000))
    assert "not paid in full" in stored.problem


def test_a_person_chooses_lets_go_sets_aside_and_takes_up_each_with_a_reason(
    paying: Connection, terminal: Terminal, issue: Issuer, person: User
) -> None:
    first, second = issue(5000), issue(5000)
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    pk = payment().pk
    with pytest.raises(MatchRefused, match="Say why"):
        match_by_hand(payment_id=pk, number=str(first.number), reason=" ", by=person)
    with pytest.raises(MatchRefused, match="No invoice has"):
        match_by_hand(payment_id=pk, number="INV9", reason="a slip", by=person)
    match_by_hand(payment_id=pk, number=str(second.number), reason="the customer said so", by=person)
    assert (payment().invoice, payment().matched_by, told(second)) == (second, MatchedBy.PERSON, ["PAID"])
    with pytest.raises(MatchRefused, match="already"):
        match_by_hand(payment_id=pk, number=str(first.number), reason="again", by=person)
    let_go(payment_id=pk, reason="the wrong one", by=person)
    assert match_waiting(connection=paying) == 0
    assert payment().invoice is None
    take_up(payment_id=pk, by=person)
    assert match_waiting(connection=paying) == 1  # the second is told paid already, so one of the amount is left
    assert payment().invoice == first
    let_go(payment_id=pk, reason="no", by=person)
    set_aside(payment_id=pk, reason="rent of a stall", by=person)
    assert not TerminalPayment.objects.needing_somebody().exists()
    assert [entry["by"] for entry in payment().history if "rent" in entry["what"]] == [str(person)]


def test_what_a_person_let_go_no_later_notice_gives_back(
    tell: Tell, terminal: Terminal, issue: Issuer, person: User
) -> None:
    invoice = issue(5000)
    taken = terminal.take(500_000, metadata={"invoice": invoice.number})
    tell(reference=taken["reference"])
    Exchange.objects.all().delete()
    let_go(payment_id=payment().pk, reason="hers is another", by=person)
    tell(reference=taken["reference"], again=1)
    assert payment().invoice is None


def test_by_hand_too_no_invoice_is_paid_beyond_what_it_comes_to(
    paying: Connection, terminal: Terminal, issue: Issuer, person: User
) -> None:
    invoice = issue(5000)
    terminal.take(600_000)
    sync_payments_of(paying.pk)
    with pytest.raises(MatchRefused, match="more than"):
        match_by_hand(payment_id=payment().pk, number=str(invoice.number), reason="nearly", by=person)


def test_an_invoice_that_is_credited_later_is_marked_until_a_person_decides(
    paying: Connection, terminal: Terminal, issue: Issuer, person: User
) -> None:
    invoice = issue(5000)
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    Invoice.objects.filter(pk=invoice.pk).update(status=Status.CREDITED)
    assert (mark_closed_invoices(), mark_closed_invoices()) == (1, 0)
    assert "credited or voided" in payment().problem
    set_aside(payment_id=payment().pk, reason="kept as a deposit", by=person)
    assert (mark_closed_invoices(), payment().problem, payment().invoice) == (0, "", invoice)
    assert tell_paid_invoices() == 0


def test_a_payment_never_pays_another_organizations_invoice(
    paying: Connection, terminal: Terminal, others_issue: Issuer, other_organization: Organization, person: User
) -> None:
    with scope(organization=other_organization):
        theirs = others_issue(5000)
    terminal.take(500_000, metadata={"irn": theirs.irn}, reference="named")
    terminal.take(500_000, reference="amount")
    sync_payments_of(paying.pk)
    assert not TerminalPayment.objects.matched().exists()
    with pytest.raises(MatchRefused, match="No invoice has"):
        match_by_hand(payment_id=payment(reference="named").pk, number=str(theirs.irn), reason="try", by=person)
    with pytest.raises(IntegrityError, match="one organization"), transaction.atomic():
        TerminalPayment.objects.filter(reference="named").update(
            invoice=theirs, matched_by="person", match_reason="try", matched_at=timezone.now()
        )


def test_each_account_has_its_own_payments(
    paying: Connection, others_paying: Connection, paystack: SandboxProcess, other_organization: Organization
) -> None:
    Terminal(paystack, ONE).take(reference="ours")
    Terminal(paystack, TWO).take(reference="theirs")
    sync_payments_of(paying.pk)
    sync_payments_of(others_paying.pk)
    assert payment().reference == "ours"
    with scope(organization=other_organization):
        assert payment().reference == "theirs"


def test_the_database_refuses_more_than_an_invoice_comes_to(
    paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    for _ in range(2):
        terminal.take(300_000)
    sync_payments(connection=paying)
    whole = {"invoice": invoice, "matched_by": "person", "match_reason": "x", "matched_at": timezone.now()}
    one, two = TerminalPayment.objects.order_by("pk")
    TerminalPayment.objects.filter(pk=one.pk).update(**whole)
    with pytest.raises(IntegrityError, match="beyond what it comes to"), transaction.atomic():
        TerminalPayment.objects.filter(pk=two.pk).update(**whole)


def test_a_key_that_was_replaced_asks_for_a_new_one_and_a_busy_paystack_for_nothing(
    paying: Connection, terminal: Terminal, paystack: SandboxProcess
) -> None:
    terminal.take()
    paystack.fail_next("GET", "/transaction", status=500, times=3, body={"status": False})
    assert sync_payments(connection=paying).status == RunStatus.PARTIAL
    assert sync_payments(connection=paying).status == RunStatus.SUCCEEDED
    paystack.fail_next("GET", "/transaction", status=401, body={"status": False, "message": "Invalid key"})
    sync_payments(connection=paying)
    paying.refresh_from_db()
    assert paying.status == ConnectionStatus.NEEDS_REAUTHORIZATION


def test_what_cannot_be_read_waits_with_its_reason_and_is_read_when_it_is_well(
    paying: Connection, terminal: Terminal
) -> None:
    terminal.take(reference="odd", status="pending", currency="naira")
    terminal.take(reference="good")
    assert sync_payments(connection=paying).quarantined == 1
    assert payment().reference == "good"


def test_a_reference_that_paystack_does_not_show_yet_is_asked_for_again(tell: Tell, paying: Connection) -> None:
    tell(reference="nowhere")
    assert WebhookEvent.objects.get().status == EventStatus.FAILED
    assert refresh_payments(connection=paying, references=["nowhere"]) == ([], frozenset({"nowhere"}))


def test_every_active_account_is_read_by_the_clock(paying: Connection, others_paying: Connection) -> None:
    with scopes_disabled():
        Connection.objects.update(sync_requested_at=None)
        Connection.objects.filter(pk=others_paying.pk).update(status=ConnectionStatus.PAUSED)
        assert read_payments() == 1
        assert Connection.objects.filter(sync_requested_at__isnull=False).get() == paying


def paid_of(invoice: Invoice) -> Decimal:
    return sum((each.net_amount for each in TerminalPayment.objects.filter(invoice=invoice)), Decimal(0))


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_payments_of_one_invoice_pay_it_once(
    paying: Connection, terminal: Terminal, issue: Issuer, organization: Organization
) -> None:
    invoice = issue(5000)
    for _ in range(2):
        terminal.take(300_000, metadata={"invoice": invoice.number})
    sync_payments(connection=paying)
    ids, together = list(TerminalPayment.objects.values_list("pk", flat=True)), Barrier(2)

    def work(payment_id: int) -> bool:
        try:
            with scope(organization=organization):
                together.wait(10)
                return match_payment(payment_id=payment_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, ids)) == 1
    assert TerminalPayment.objects.matched().count() == 1


KOBO = st.sampled_from([100, 200, 300])
STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "pay named", "refund", "part", "sweep", "let go"]), KOBO, st.integers(0, 3)),
    max_size=10,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_happens_no_invoice_is_paid_beyond_what_it_comes_to_and_each_payment_is_whole(
    paying: Connection, issue: Issuer, person: User, steps: list[tuple[str, int, int]]
) -> None:
    with transaction.atomic():
        invoices = [issue(naira) for naira in (1, 2, 3, 3)]
        now, made, full = timezone.now(), 0, set[int]()
        for number, (what, kobo, which) in enumerate(steps):
            read_at, stored = now + timedelta(seconds=number), TerminalPayment.objects.order_by("pk")
            picked = stored[which % made] if made else None
            if what.startswith("pay"):
                made += 1
                named = (str(invoices[which].number),) if what == "pay named" else ()
                records = [
                    PaymentRecord(f"p{made}", f"R{made}", "succeeded", Decimal(kobo) / 100, "NGN", now, now, "", named)
                ]
            elif picked is None:
                continue
            elif what == "let go":
                if picked.invoice_id:
                    let_go(payment_id=picked.pk, reason="a test", by=person)
                continue
            else:
                back = {"refund": picked.amount, "part": picked.amount / 2}.get(what, Decimal(0))
                records = [
                    PaymentRecord(
                        picked.external_id, picked.reference, "succeeded", picked.amount, "NGN", now, now, "",
                        tuple(picked.named), back,
                    )
                ]  # fmt: skip
            save_payments(connection=paying, records=records, read_at=read_at)
            match_waiting(connection=paying)
            paid = {each.pk: paid_of(each) for each in invoices}
            assert all(paid[each.pk] <= (each.payable_amount or 0) for each in invoices)
            full |= {each.pk for each in invoices if paid[each.pk] == each.payable_amount}
        assert {each.pk for each in invoices if told(each)} <= full
        assert TerminalPayment.objects.count() == made
        transaction.set_rollback(True)
