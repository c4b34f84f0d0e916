"""Deadlines on invoices: kept, drained in their order, listed by risk and told by mail once."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.deadlines import urgency
from invoices.models import Business, DeadlineAlarm, Invoice, LegalRule, Status
from invoices.risk_views import by_risk
from invoices.services.alarming import tell_deadlines
from invoices.services.issuing import issue_drafts
from invoices.services.recounting import recount_deadlines
from invoices.services.submitting import claim_next
from tests.factories import make_member
from tests.invoices.making import make_business, make_connection, make_draft
from tests.invoices.standing import stand_at
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0])
    make_member(organization, Role.OWNER, email="owner@people.example")
    make_member(organization, Role.VIEWER, email="viewer@people.example")
    return make_connection(organization)


def issue(account: Connection, hours_left: float | None = None, **changes: Any) -> Invoice:
    [issued] = issue_drafts(organization=account.organization, drafts=[make_draft(account.pk, **changes)])
    if hours_left is not None:
        at = timezone.now() + timedelta(hours=hours_left)
        Invoice.objects.filter(pk=issued.invoice_id).update(deadline_at=at)
    return Invoice.objects.get(pk=issued.invoice_id)


def test_an_invoice_has_its_deadline_from_the_moment_it_is_known(account: Connection) -> None:
    held, ready = issue(account, buyer=None), issue(account)
    for invoice in (held, ready):
        assert invoice.deadline_rule == "own-target"
        assert abs(invoice.deadline_at - invoice.created_at - timedelta(hours=24)) < timedelta(seconds=5)
    Business.objects.update(target_hours=0)
    assert issue(account).deadline_at is None


def test_a_large_consumer_sale_has_the_clock_of_the_law(account: Connection) -> None:
    assert issue(account, kind="B2C", buyer=None).deadline_rule == "b2c-report-hours"


def test_the_nearest_deadline_is_handed_in_first(account: Connection) -> None:
    late, soon, none = issue(account, 9), issue(account, 1), issue(account)
    Invoice.objects.filter(pk=none.pk).update(deadline_at=None)
    order = []
    while claim := claim_next(account.organization):
        order.append(claim.invoice.pk)
    assert order == [soon.pk, late.pk, none.pk]


def test_what_is_at_risk_goes_by_money_times_urgency(account: Connection) -> None:
    hours = {issue(account, left).pk: left for left in (30, 2, -1, -48)}
    large = issue(account, 30, document_discount=Decimal(0), document_charge=Decimal(9_000_000))
    hours[large.pk] = 30
    stand_at(issue(account, -100), Status.SIGNED)
    found = list(by_risk(Invoice.objects.all()))
    assert {each.pk for each in found} == hours.keys()
    for each in found:
        assert each.risk == pytest.approx(float(each.payable_amount) * urgency(hours[each.pk]), rel=0.01)
    assert found[0].pk == large.pk
    assert [each.risk for each in found] == sorted((each.risk for each in found), reverse=True)


def test_each_step_is_told_once_to_the_owners(account: Connection) -> None:
    invoice = issue(account)
    assert tell_deadlines() == 0
    for left, total in ((11, 1), (3, 2), (-1, 3)):
        now = invoice.deadline_at - timedelta(hours=left)
        assert tell_deadlines(now) == 1
        assert tell_deadlines(now) == 0
        assert len(mail.outbox) == total
    assert mail.outbox[0].to == ["owner@people.example"]
    assert f"{invoice}: 11 h left" in mail.outbox[0].body
    assert "past the deadline" in mail.outbox[2].subject


def test_one_letter_tells_of_all(account: Connection) -> None:
    for _ in range(35):
        issue(account, -1)
    assert tell_deadlines() == 35
    assert len(mail.outbox) == 1
    assert "and 5 more." in mail.outbox[0].body
    assert mail.outbox[0].subject.startswith("35 invoices are past the deadline")


def test_what_is_registered_is_not_told(account: Connection) -> None:
    stand_at(issue(account, -1), Status.SIGNED)
    assert tell_deadlines() == 0
    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_tried_again(account: Connection, settings: Any) -> None:
    issue(account, -1)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 9, 2
    assert tell_deadlines() == 0
    assert DeadlineAlarm.objects.get().sent_at is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_deadlines() == 1
    assert DeadlineAlarm.objects.get().sent_at is not None


def test_a_worker_that_died_while_sending_leaves_nothing_to_be_told_twice(
    account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(account, -1)

    class Died(BaseException):
        pass

    def die(self: Any, messages: Any) -> int:
        raise Died

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", die)
    with pytest.raises(Died):
        tell_deadlines()
    monkeypatch.undo()
    assert tell_deadlines() == 0
    assert mail.outbox == []


def test_without_a_mail_server_steps_wait(account: Connection, settings: Any) -> None:
    issue(account, -1)
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", ""
    assert tell_deadlines() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_deadlines() == 1


def test_without_an_owner_steps_wait_for_one(account: Connection, organization: Organization) -> None:
    organization.memberships.all().delete()
    issue(account, -1)
    assert tell_deadlines() == 0
    make_member(organization, Role.OWNER, email="new.owner@people.example")
    assert tell_deadlines() == 1
    assert mail.outbox[0].to == ["new.owner@people.example"]


def test_of_steps_that_waited_the_furthest_is_told(account: Connection, settings: Any) -> None:
    invoice = issue(account)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert tell_deadlines(invoice.deadline_at - timedelta(hours=11)) == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_deadlines(invoice.deadline_at - timedelta(hours=3)) == 1
    assert mail.outbox[0].body.count(str(invoice)) == 1
    assert not DeadlineAlarm.objects.filter(sent_at=None).exists()


def test_a_new_law_or_target_moves_the_deadlines_of_open_invoices(account: Connection) -> None:
    law, own = issue(account, kind="B2C", supply_date=date(2026, 11, 2)), issue(account)
    signed = stand_at(issue(account), Status.SIGNED)
    assert recount_deadlines() == 0
    rule = {"key": "b2c-report-hours", "unit": "hours", "law": "an invented Act", "confidence": "low"}
    LegalRule.objects.create(value=48, since=date(2026, 11, 1), **rule)
    Business.objects.update(target_hours=12)
    assert recount_deadlines() == 2
    again = {each.pk: each.deadline_at for each in Invoice.objects.all()}
    assert again[law.pk] == law.deadline_at + timedelta(hours=24)
    assert abs(again[own.pk] - own.deadline_at + timedelta(hours=12)) < timedelta(seconds=1)
    assert again[signed.pk] == signed.deadline_at


def test_an_invoice_from_before_deadlines_were_kept_gets_its_own(account: Connection) -> None:
    invoice = issue(account)
    Invoice.objects.update(deadline_at=None, deadline_rule="")
    assert recount_deadlines() == 1
    assert Invoice.objects.get(pk=invoice.pk).deadline_rule == "own-target"
