"""Deadlines on invoices: kept, drained in their order, listed by risk and told by mail once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.deadlines import urgency
from invoices.models import Business, DeadlineAlarm, Invoice, Status
from invoices.risk_views import by_risk
from invoices.services.alarming import tell_deadlines
from invoices.services.issuing import issue_drafts
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
