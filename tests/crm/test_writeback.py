from __future__ import annotations

import multiprocessing
import re
import signal
from datetime import timedelta
from typing import Any

import pytest
import requests
from celery import current_app
from django.db import connection as database
from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization
from crm.hubspot.writeback import OWN_PROPERTIES
from crm.models import Deal, DealVersion, WriteBack, WriteState
from crm.services import invoice_due_deals, switch_write_back, sync_deals, write_back_invoices, writeback
from crm.services.reading import crm_connector
from crm.tasks import ring_left_write_backs, ring_write_backs, write_back_invoices_of
from integrations.base.auth import Tokens
from integrations.models import Connection, Lease
from integrations.services.connections import connect_account
from integrations.services.leases import WRITE_BACK, give_back, take
from invoices.models import Business, Invoice, Status
from invoices.services.submitting import submit_due_invoices
from tests.crm.killing import write_back_and_die
from tests.invoices.making import make_connection
from tests.pages.making import make_deal
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]

SCOPES = (
    "oauth crm.objects.deals.read crm.objects.line_items.read crm.objects.companies.read crm.objects.contacts.read "
    "crm.objects.deals.write crm.schemas.deals.write"
)
BACK = "http://localhost/back"
DEALS = "/crm/objects/2026-09/deals"
VALIDATION = {
    "status": "error",
    "category": "VALIDATION_ERROR",
    "message": "The property values provided are invalid",
    "errors": [{"message": "A value for dealtype must be provided", "code": "MISSING_REQUIRED_PROPERTY"}],
}


@pytest.fixture
def tokens(sandbox: SandboxProcess) -> Tokens:
    """Return tokens that an owner granted with the right to write deals."""
    form = {"client_id": "sandbox-client", "redirect_uri": BACK, "scope": SCOPES, "state": "s", "decision": "approve"}
    with requests.Session() as session:
        session.trust_env = False
        went = session.post(f"{sandbox.url}/oauth/authorize", data=form, allow_redirects=False, timeout=10)
        code = went.headers["Location"].split("code=")[1].split("&")[0]
        ours = {"client_id": "sandbox-client", "client_secret": "sandbox-secret", "redirect_uri": BACK}
        asked = ours | {"grant_type": "authorization_code", "code": code}
        got = session.post(f"{sandbox.url}/oauth/2026-03/token", data=asked, timeout=10).json()
    return Tokens(
        got["access_token"],
        refresh_token=got["refresh_token"],
        expires_at=timezone.now() + timedelta(minutes=30),
        scopes=tuple(SCOPES.split()),
    )


@pytest.fixture
def connection(organization: Organization, tokens: Tokens) -> Connection:
    """Return a connection that may write, with the switch as it is by default."""
    return connect_account(organization=organization, provider="hubspot", tokens=tokens)


@pytest.fixture
def invoiced(connection: Connection, business: Business) -> Connection:
    """Return the connection, its deals read and invoiced, its switch on."""
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    switch_write_back(connection=connection, on=True)
    return connection


def writes(sandbox: SandboxProcess) -> int:
    """Return the calls to single deals and to property definitions; a sync makes none, but `told` does."""
    calls: dict[str, int] = sandbox.received()["hubspot"]["by_path"]
    return sum(number for path, number in calls.items() if re.search(r"/deals/\d+$|/properties/", path))


def told(sandbox: SandboxProcess, tokens: Tokens, deal_id: str) -> tuple[str, ...]:
    """Return what the sandbox's deal says in our properties."""
    answer = requests.get(
        f"{sandbox.url}{DEALS}/{deal_id}",
        params={"properties": ",".join(OWN_PROPERTIES)},
        headers={"Authorization": f"Bearer {tokens.access_token}"},
        timeout=10,
    ).json()["properties"]
    return tuple(answer.get(name) or "" for name in OWN_PROPERTIES)


def an_invoice(status: Status = Status.READY) -> Invoice:
    invoice = Invoice.objects.filter(status=status).order_by("pk").first()
    assert invoice is not None
    return invoice


def row_of(invoice: Invoice) -> WriteBack:
    return WriteBack.objects.get(deal__external_id=invoice.source_external_id)


def make_due() -> None:
    WriteBack.objects.filter(state=WriteState.WAITING).update(next_attempt_at=timezone.now())


def leave_only(invoice: Invoice) -> None:
    """Let every other deal wait, so that a round has one."""
    later = timezone.now() + timedelta(days=30)
    WriteBack.objects.exclude(deal__external_id=invoice.source_external_id).delete()
    others = Deal.objects.exclude(external_id=invoice.source_external_id)
    WriteBack.objects.bulk_create(WriteBack(deal=deal, next_attempt_at=later) for deal in others)


def test_number_status_and_link_are_written_once_and_follow_the_invoice(
    invoiced: Connection, sandbox: SandboxProcess, tokens: Tokens, settings: Any
) -> None:
    count, ready, held = Invoice.objects.count(), an_invoice(), an_invoice(Status.DRAFT)
    assert write_back_invoices(connection=invoiced) == count
    assert writes(sandbox) == count + 1 + len(OWN_PROPERTIES), "one write a deal, and the properties made on the way"
    link = f"{settings.PUBLIC_URL}/invoices/{ready.pk}/"
    assert told(sandbox, tokens, ready.source_external_id) == (ready.number, "Ready to submit", link)
    assert told(sandbox, tokens, held.source_external_id)[:2] == ("", "Held: facts are missing")
    before = writes(sandbox)
    assert write_back_invoices(connection=invoiced) == 0
    assert writes(sandbox) == before, "nothing is written twice"
    submit_due_invoices(organization=invoiced.organization)
    moved = Invoice.objects.exclude(status__in=[Status.READY, Status.DRAFT]).count()
    assert write_back_invoices(connection=invoiced) == moved > 0
    assert writes(sandbox) - before == moved
    assert told(sandbox, tokens, ready.source_external_id)[1] == "Signed by the tax authority"


def test_the_echo_of_a_write_changes_nothing_here(invoiced: Connection, sandbox: SandboxProcess) -> None:
    write_back_invoices(connection=invoiced)
    hashes = list(Deal.objects.order_by("pk").values_list("content_hash", "invoice_due"))
    versions, before = DealVersion.objects.count(), writes(sandbox)
    run = sync_deals(connection=invoiced)
    assert run.read > 0, "the writes moved the deals' change times"
    assert (run.created, run.changed) == (0, 0)
    assert list(Deal.objects.order_by("pk").values_list("content_hash", "invoice_due")) == hashes
    assert DealVersion.objects.count() == versions
    assert write_back_invoices(connection=invoiced) == 0
    assert writes(sandbox) == before


@pytest.mark.parametrize("how", ["never on", "off again", "no such scope", "paused", "put off"])
def test_without_the_switch_or_the_right_nothing_is_called(
    how: str, connection: Connection, business: Business, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    switch_write_back(connection=connection, on=how != "never on")
    if how == "off again":
        switch_write_back(connection=connection, on=False)
    changes: dict[str, dict[str, Any]] = {
        "no such scope": {"scopes": SCOPES.split()[:-1]},
        "paused": {"status": "paused"},
        "put off": {"not_before": timezone.now() + timedelta(hours=1)},
    }
    Connection.objects.filter(pk=connection.pk).update(**changes.get(how, {"problem": ""}))
    connection.refresh_from_db()
    before = sandbox.received()["hubspot"]["calls"]
    assert write_back_invoices(connection=connection) == 0
    assert sandbox.received()["hubspot"]["calls"] == before
    assert not WriteBack.objects.exists()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"status": 400, "body": VALIDATION}, "A value for dealtype must be provided"),
        ({"status": 404, "body": {"status": "error"}}, "no such record"),
        ({"status": 429, "body": {"policyName": "DAILY"}}, "asks for fewer calls"),
        ({"status": 503, "times": 3}, "does not answer properly"),
        ({"drop": "before", "times": 3}, "could not be reached"),
    ],
)
def test_a_refused_write_is_a_sentence_on_the_deal_and_the_invoice_is_signed_all_the_same(
    failure: dict[str, Any], words: str, invoiced: Connection, sandbox: SandboxProcess, tokens: Tokens
) -> None:
    invoice = an_invoice()
    write_back_invoices(connection=invoiced)
    leave_only(invoice)
    sandbox.fail_next("PATCH", DEALS, **failure)
    submit_due_invoices(organization=invoiced.organization)
    assert write_back_invoices(connection=invoiced) == 0
    invoice.refresh_from_db()
    assert invoice.status == Status.SIGNED
    row = row_of(invoice)
    assert (row.state, row.attempts) == (WriteState.WAITING, 1)
    assert words in row.problem
    assert row.next_attempt_at is not None
    assert row.next_attempt_at > timezone.now() + timedelta(seconds=30)
    assert row.written["status"] == "Ready to submit"
    WriteBack.objects.filter(pk=row.pk).update(next_attempt_at=timezone.now())
    assert write_back_invoices(connection=invoiced) == 1
    row.refresh_from_db()
    assert (row.state, row.problem, row.attempts) == (WriteState.WRITTEN, "", 0)
    assert told(sandbox, tokens, invoice.source_external_id)[1] == "Signed by the tax authority"


def test_a_right_that_was_taken_away_costs_one_call_a_round_and_works_again_once_given(
    invoiced: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.set(missing_scopes=["crm.objects.deals.write"])
    assert write_back_invoices(connection=invoiced) == 0
    assert writes(sandbox) == 1
    assert ["crm.objects.deals.write" in row.problem for row in WriteBack.objects.exclude(problem="")] == [True]
    submit_due_invoices(organization=invoiced.organization)
    assert Invoice.objects.filter(status=Status.SIGNED).exists()
    sandbox.set(missing_scopes=[])
    make_due()
    assert write_back_invoices(connection=invoiced) == Invoice.objects.count()


def test_the_waits_double_up_to_a_day_and_the_tries_end_with_a_sentence(
    invoiced: Connection, sandbox: SandboxProcess
) -> None:
    invoice, waits = an_invoice(), []
    leave_only(invoice)
    for _ in range(writeback.MAX_ATTEMPTS - 1):
        sandbox.fail_next("PATCH", DEALS, status=400, body=VALIDATION)
        started = timezone.now()
        write_back_invoices(connection=invoiced)
        row = row_of(invoice)
        assert row.next_attempt_at is not None
        waits.append(round((row.next_attempt_at - started) / timedelta(minutes=1)))
        WriteBack.objects.filter(pk=row.pk).update(next_attempt_at=timezone.now())
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == 24 * 60
    sandbox.fail_next("PATCH", DEALS, status=400, body=VALIDATION)
    write_back_invoices(connection=invoiced)
    row = row_of(invoice)
    assert (row.state, row.next_attempt_at) == (WriteState.GIVEN_UP, None)
    assert f"tried {writeback.MAX_ATTEMPTS} times" in row.problem
    assert write_back_invoices(connection=invoiced) == 0
    assert writes(sandbox) == writeback.MAX_ATTEMPTS
    switch_write_back(connection=invoiced, on=True)
    assert write_back_invoices(connection=invoiced) == 1


def test_an_archived_deal_is_skipped_with_its_reason_and_written_when_it_comes_back(
    invoiced: Connection, sandbox: SandboxProcess, tokens: Tokens
) -> None:
    invoice = an_invoice()
    Deal.objects.filter(external_id=invoice.source_external_id).update(is_archived=True)
    write_back_invoices(connection=invoiced)
    row = row_of(invoice)
    assert (row.state, row.problem) == (WriteState.SKIPPED, writeback.ARCHIVED)
    assert told(sandbox, tokens, invoice.source_external_id) == ("", "", "")
    assert write_back_invoices(connection=invoiced) == 0
    Deal.objects.filter(external_id=invoice.source_external_id).update(is_archived=False)
    assert write_back_invoices(connection=invoiced) == 1
    assert told(sandbox, tokens, invoice.source_external_id)[0] == invoice.number


def test_a_draft_that_was_taken_back_is_wiped_from_its_deal(
    invoiced: Connection, sandbox: SandboxProcess, tokens: Tokens
) -> None:
    write_back_invoices(connection=invoiced)
    draft = an_invoice(Status.DRAFT)
    Invoice.objects.open_drafts().filter(pk=draft.pk).delete()
    assert write_back_invoices(connection=invoiced) == 1
    assert told(sandbox, tokens, draft.source_external_id) == ("", "", "")
    assert write_back_invoices(connection=invoiced) == 0


def test_one_worker_at_a_time_writes_to_an_account(invoiced: Connection) -> None:
    held = take(f"{WRITE_BACK} {invoiced.pk}")
    assert held
    assert write_back_invoices(connection=invoiced) == 0
    give_back(held)
    assert write_back_invoices(connection=invoiced) == Invoice.objects.count()


def test_a_worker_that_was_replaced_writes_no_more(
    invoiced: Connection, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = writeback._claim(invoiced, timezone.now())
    held = take(f"{WRITE_BACK} {invoiced.pk}")
    assert held
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert take(held.name), "another worker is let in"
    assert writeback._write(crm_connector(invoiced), invoiced, claims, held) == 0
    assert set(WriteBack.objects.values_list("state", flat=True)) == {WriteState.WAITING}


def test_a_worker_whose_claim_was_taken_over_records_nothing(
    invoiced: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "A_ROUND", 1)
    (slow,) = writeback._claim(invoiced, timezone.now())
    (quick,) = writeback._claim(invoiced, timezone.now())
    assert quick.external_id == slow.external_id
    writeback._failed(slow, "Too late.")
    assert WriteBack.objects.get().problem == ""


def test_only_switched_accounts_are_rung_for_and_no_other_tenants_deal_is_touched(
    invoiced: Connection, other_organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_id = an_invoice().source_external_id
    with scope(organization=other_organization):
        theirs = make_connection(other_organization, account="other")
        make_deal(theirs, external_id=same_id)
        Invoice.objects.create(
            organization=other_organization,
            connection=theirs,
            source_kind="deal",
            source_external_id=same_id,
            kind="B2B",
        )
    rung: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **_: rung.append((task, args)))
    assert ring_write_backs() == 1
    assert rung == [("crm.tasks.write_back_invoices_of", [invoiced.pk])]
    assert write_back_invoices_of(invoiced.pk) == Invoice.objects.count()
    with scope(organization=other_organization):
        assert not WriteBack.objects.exists()
        assert write_back_invoices_of(theirs.pk) == 0


@pytest.mark.django_db(transaction=True)
def test_a_round_that_was_killed_is_taken_up_when_its_lease_ends(
    invoiced: Connection, sandbox: SandboxProcess, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crm.killing"])
    name = str(database.settings_dict["NAME"])
    process = context.Process(target=write_back_and_die, args=(name, sandbox.url, invoiced.pk, 30))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    done = WriteBack.objects.filter(state=WriteState.WRITTEN).count()
    assert 0 < done < Invoice.objects.count()
    assert write_back_invoices(connection=invoiced) == 0, "the dead worker's lease still stands"
    assert ring_left_write_backs() == 0
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    rung: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **_: rung.append((task, args)))
    assert ring_left_write_backs() == 1
    assert rung == [("crm.tasks.write_back_invoices_of", [invoiced.pk])]
    assert write_back_invoices_of(invoiced.pk) == Invoice.objects.count() - done
    assert ring_left_write_backs() == 0
    for invoice in Invoice.objects.all():
        assert told(sandbox, tokens, invoice.source_external_id)[0] == (invoice.number or "")
