"""The command and the tasks."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.models import Organization
from invoices import tasks
from invoices.models import Business, Invoice, NumberSeries, Status
from tests.invoices.making import BUYER
from tests.sandbox_process import SandboxProcess

Issue = Callable[..., Invoice]


def run(**options: Any) -> str:
    out = io.StringIO()
    call_command("submit_invoices", stdout=out, **options)
    return out.getvalue()


def test_the_command_signs_what_is_due_and_counts(issue: Issue, business: Business) -> None:
    issue()
    issue(buyer=replace(BUYER, tin=""))
    text = run(organization="adupe")
    assert "Signed by the authority: 1" in text
    assert "Held back for lack of facts, and not counted as left: 1" in text
    assert run().startswith("Nothing was due.")


def test_the_command_fails_while_something_is_left(issue: Issue, business: Business, sandbox: SandboxProcess) -> None:
    business.api_key = "wrong"
    business.save()
    issue()
    out = io.StringIO()
    with pytest.raises(CommandError, match="Not all invoices are signed: 1 stopped: the authority refuses the keys"):
        call_command("submit_invoices", stdout=out)
    assert "is paused: The tax authority refuses the API keys" in out.getvalue()


def test_an_unknown_organization_is_a_sentence(db: None) -> None:
    with pytest.raises(CommandError, match="no organization 'nobody'"):
        run(organization="nobody")


def test_the_tasks_do_what_their_names_say(issue: Issue, business: Business) -> None:
    first, second = issue(), issue()
    tasks.submit_invoice(first.pk)
    first.refresh_from_db()
    assert first.status == Status.SIGNED
    tasks.submit_due_invoices()
    second.refresh_from_db()
    assert second.status == Status.SIGNED


def test_the_tasks_have_their_names() -> None:
    assert tasks.submit_invoice.name == "invoices.tasks.submit_invoice"
    assert tasks.submit_due_invoices.name == "invoices.tasks.submit_due_invoices"


@pytest.mark.usefixtures("broker_away")
def test_a_broker_that_is_away_does_not_stop_anybody(
    organization: Organization,
    django_capture_on_commit_callbacks: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tasks.ring_submissions()
    assert "bell_not_rung" in caplog.text


@pytest.mark.usefixtures("broker_away")
def test_a_drain_whose_time_is_up_rings_again_when_more_is_due(
    issue: Issue,
    business: Business,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tasks, "TIME_BOX", timedelta(0))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.submit_due_invoices()
    assert "bell_not_rung" not in caplog.text
    issue()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.submit_due_invoices()
    assert "bell_not_rung" in caplog.text


def test_the_profile_refuses_a_key_that_cannot_be_used(business: Business) -> None:
    business.full_clean()
    business.public_key = "-----BEGIN PUBLIC KEY-----"
    with pytest.raises(ValidationError, match="public key cannot be read"):
        business.full_clean()


def test_a_number_series_is_never_deleted(issue: Issue, business: Business) -> None:
    issue()
    with pytest.raises(ValidationError, match="used again"):
        NumberSeries.objects.get().delete()
