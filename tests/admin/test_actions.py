"""What staff do in the admin does what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from queue import Empty
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_scopes import scopes_disabled

from accounts.models import Membership, Organization, Role, User
from integrations.base.auth import CredentialManager, Tokens
from integrations.models import Connection, ConnectionStatus
from invoices.models import Business, Invoice, Status
from invoices.services.issuing import issue_drafts
from invoices.services.submitting import submit_invoice
from taxpoynt.celery import app
from tests.admin.conftest import said
from tests.admin.world import World
from tests.brokers import broker
from tests.factories import make_organization
from tests.invoices.making import make_connection, make_draft
from tests.sandbox_process import SandboxProcess

Act = Callable[..., Any]
Sent = Callable[[str], list[tuple[str, list[Any]]]]
CONNECTIONS, INVOICES, BUSINESSES = "integrations_connection", "invoices_invoice", "invoices_business"
NO_RUNS = {"runs-TOTAL_FORMS": "0", "runs-INITIAL_FORMS": "0"}


@pytest.fixture
def sent() -> Iterator[Callable[[str], list[tuple[str, list[Any]]]]]:
    """Return a function that takes task names and arguments out of a queue of a broker in memory."""

    def take(queue: str) -> list[tuple[str, list[Any]]]:
        found = []
        with app.connection_for_read() as connection, connection.SimpleQueue(queue) as waiting:
            while True:
                try:
                    message = waiting.get(block=False)
                except Empty:
                    return found
                found.append((message.headers["task"], message.payload[0]))
                message.ack()

    with broker("memory://"):
        yield take
        for queue in ("standard", "batch"):
            take(queue)


def test_sync_now_notes_the_wish_and_rings(world: World, act: Act, sent: Sent) -> None:
    with scopes_disabled():
        gone = make_connection(world.organization, "62599")
        Connection.objects.filter(pk=gone.pk).update(status=ConnectionStatus.DISCONNECTED)
    answer = act(CONNECTIONS, "sync_now", world.connection, gone)
    with scopes_disabled():
        assert Connection.objects.get(pk=world.connection.pk).sync_requested_at is not None
        assert Connection.objects.get(pk=gone.pk).sync_requested_at is None
    sentences = said(answer)
    assert sentences[0].startswith("A sync of 1 connection is asked for.")
    assert sentences[1].startswith("1 of 2 cannot be read now")
    assert sent("batch") == [("crm.hubspot.tasks.sync_hubspot_deals", [world.connection.pk])]


@pytest.mark.usefixtures("broker_away")
def test_sync_now_works_with_the_broker_away(world: World, act: Act) -> None:
    answer = act(CONNECTIONS, "sync_now", world.connection)
    assert answer.status_code == 302
    with scopes_disabled():
        assert Connection.objects.get(pk=world.connection.pk).sync_requested_at is not None


def test_test_connection_shows_each_results_sentence(world: World, act: Act) -> None:
    with scopes_disabled():
        good = make_connection(world.organization, "62518")
        CredentialManager(good.pk).store(Tokens("pat-sandbox"))
    bad, fine = said(act(CONNECTIONS, "test_now", world.connection, good))
    assert bad.startswith("Adupe CRM: ")
    assert bad != fine
    assert "reach" in fine or "read" in fine or "HubSpot" in fine


def test_a_connection_of_a_provider_that_is_gone_says_so(world: World, act: Act) -> None:
    with scopes_disabled():
        Connection.objects.filter(pk=world.connection.pk).update(provider="pipewind")
    [sentence] = said(act(CONNECTIONS, "test_now", world.connection))
    assert "No connector called pipewind is installed" in sentence


def test_options_that_are_no_object_are_refused(world: World, staff: Client) -> None:
    address = reverse("admin:integrations_connection_change", args=[world.connection.pk])
    for wrong in ('["tin"]', '{"properties": "tin"}'):
        page = staff.post(address, {"name": "CRM", "options": wrong, **NO_RUNS})
        assert page.status_code == 200
        assert page.context["adminform"].form.errors["options"]
    right = staff.post(address, {"name": "CRM", "options": '{"properties": {"company_tin": "vat"}}', **NO_RUNS})
    assert right.status_code == 302
    with scopes_disabled():
        assert Connection.objects.get(pk=world.connection.pk).options == {"properties": {"company_tin": "vat"}}


def test_submit_first_shows_what_is_ready_and_sends_nothing(world: World, act: Act, sent: Sent) -> None:
    page = act(INVOICES, "submit_now", world.invoice, world.held)
    assert page.status_code == 200
    assert (page.context["ready"], page.context["due"]) == (1, 1)
    assert "1 of the chosen invoices is ready to submit." in " ".join(page.content.decode().split())
    assert sent("standard") == []


def test_submit_rings_once_it_is_confirmed(world: World, act: Act, sent: Sent) -> None:
    answer = act(INVOICES, "submit_now", world.invoice, world.held, confirmed="yes")
    assert said(answer)[0].startswith("1 of 2 chosen invoices is due.")
    assert sent("standard") == [("invoices.tasks.submit_due_invoices", [])]


@pytest.mark.usefixtures("broker_away")
def test_submit_works_with_the_broker_away(world: World, act: Act) -> None:
    assert act(INVOICES, "submit_now", world.invoice, confirmed="yes").status_code == 302


def test_a_signed_invoice_and_its_attempts_cannot_be_changed_or_deleted(world: World, staff: Client) -> None:
    with scopes_disabled():
        invoice = submit_invoice(invoice_id=world.invoice.pk)
        assert invoice.status == Status.SIGNED
        attempt = invoice.submissions.last()
    for model, row in (("invoices_invoice", invoice), ("invoices_submission", attempt)):
        change = reverse(f"admin:{model}_change", args=[row.pk])
        assert staff.post(change, {"status": "draft", "outcome": "x"}).status_code == 403
        assert staff.post(reverse(f"admin:{model}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        staff.post(reverse(f"admin:{model}_changelist"), chosen)
    with scopes_disabled():
        assert Invoice.objects.get(pk=invoice.pk).status == Status.SIGNED
        assert invoice.submissions.filter(pk=attempt.pk).exists()


def test_resume_lets_a_paused_seller_submit_again(world: World, act: Act) -> None:
    with scopes_disabled():
        Business.objects.update(submissions_paused_reason="The authority refused the keys.")
        Invoice.objects.filter(pk=world.invoice.pk).update(next_attempt_at=timezone.now() + timedelta(hours=1))
    [sentence] = said(act(BUSINESSES, "resume_now", world.business))
    assert sentence == "Submissions are resumed for Adupe Office Supplies Ltd. What waited is due now."
    with scopes_disabled():
        assert not Business.objects.get().is_paused
        assert Invoice.objects.get(pk=world.invoice.pk).next_attempt_at <= timezone.now()
    assert said(act(BUSINESSES, "resume_now", world.business))[-1].startswith("None of the chosen profiles is paused")


def test_held_invoices_go_out_once_the_profile_is_completed(world: World, act: Act) -> None:
    with scopes_disabled():
        Business.objects.update(service_id="")
        [issued] = issue_drafts(organization=world.organization, drafts=[make_draft(world.connection.pk, "9003")])
        assert issued.status == Status.DRAFT
        Business.objects.update(service_id=world.business.service_id)
    [sentence] = said(act(BUSINESSES, "try_held_again", world.business))
    assert sentence.startswith("2 held invoices were checked: 1 are ready and go out, 1 still lack facts")
    with scopes_disabled():
        assert Invoice.objects.get(pk=issued.invoice_id).status == Status.READY


def test_staff_without_the_right_are_offered_no_action(world: World, looker: Client) -> None:
    user = User.objects.get(pk=looker.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename="view_connection"))
    chosen = {"action": "sync_now", "_selected_action": [str(world.connection.pk)]}
    page = looker.get(reverse("admin:integrations_connection_changelist"))
    assert page.status_code == 200
    assert "sync_now" not in page.content.decode()
    looker.post(reverse("admin:integrations_connection_changelist"), chosen)
    with scopes_disabled():
        assert Connection.objects.get(pk=world.connection.pk).sync_requested_at is None


def _profile(business: Business, **changes: str) -> dict[str, str]:
    """Return the profile as its form posts it."""
    names = (
        "legal_name tin rc_number description email telephone street city postal_zone state lga country "
        "service_id number_prefix payment_terms_days payment_means_code default_tax_category hsn_code "
        "product_category isic_code service_category business_id target_hours"
    )
    facts = {name: str(getattr(business, name) or "") for name in names.split()}
    return {**facts, "new_api_key": "", "new_api_secret": "", "key_file": "", **changes}


def test_secrets_left_empty_are_kept(world: World, staff: Client) -> None:
    address = reverse("admin:invoices_business_change", args=[world.business.pk])
    assert staff.post(address, _profile(world.business, legal_name="Ibadan Chairs Ltd")).status_code == 302
    with scopes_disabled():
        kept = Business.objects.get()
    assert (kept.legal_name, kept.api_key, kept.api_secret) == ("Ibadan Chairs Ltd", "sandbox-key", "sandbox-secret")
    assert (kept.certificate, kept.public_key) == (world.business.certificate, world.business.public_key)


def test_new_secrets_are_stored_and_never_shown_again(world: World, staff: Client, sandbox: SandboxProcess) -> None:
    address = reverse("admin:invoices_business_change", args=[world.business.pk])
    other = sandbox.get("/_control/businesses")[1]["key_file"]
    new = {"new_api_key": "fresh-key-11", "new_api_secret": "fresh-secret-22", "key_file": json.dumps(other)}
    assert staff.post(address, _profile(world.business, **new)).status_code == 302
    with scopes_disabled():
        stored = Business.objects.get()
    assert (stored.api_key, stored.api_secret) == ("fresh-key-11", "fresh-secret-22")
    assert stored.certificate == other["certificate"]
    page = staff.get(address).content.decode()
    history = staff.get(reverse("admin:invoices_business_history", args=[world.business.pk])).content.decode()
    assert not [secret for secret in (*new.values(), other["certificate"]) if secret in page + history]


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"new_api_key": "half"}, "new_api_secret", "one pair"),
        ({"new_api_secret": "half"}, "new_api_key", "one pair"),
        ({"key_file": "secret-rubbish-55"}, "key_file", "key file"),
        ({"number_prefix": "INV1"}, "number_prefix", "the last a letter"),
    ],
)
def test_a_wrong_profile_is_refused_and_repeats_no_secret(
    wrong: dict[str, str], field: str, words: str, world: World, staff: Client
) -> None:
    page = staff.post(
        reverse("admin:invoices_business_change", args=[world.business.pk]), _profile(world.business, **wrong)
    )
    assert page.status_code == 200
    assert words in str(page.context["adminform"].form.errors[field])
    assert "secret-rubbish-55" not in page.content.decode()
    with scopes_disabled():
        assert Business.objects.get().api_key == "sandbox-key"


def test_a_profile_is_made_for_an_organization_that_has_none(
    world: World, staff: Client, sandbox: SandboxProcess
) -> None:
    other = make_organization("enugu")
    profile = sandbox.get("/_control/businesses")[1]
    posted = _profile(world.business, key_file=json.dumps(profile["key_file"]), business_id=profile["business_id"])
    answer = staff.post(reverse("admin:invoices_business_add"), {**posted, "organization": str(other.pk)})
    assert answer.status_code == 302
    with scopes_disabled():
        made = Business.objects.get(organization=other)
    assert made.certificate == profile["key_file"]["certificate"]
    assert (made.api_key, made.api_secret) == (None, None)


def test_a_person_is_added_by_e_mail_address_with_a_role(staff: Client) -> None:
    organization = make_organization("jos")
    answer = staff.post(
        reverse("admin:accounts_user_add"),
        {
            "email": "New.Person@People.example", "password1": "many words are enough", "password2":
            "many words are enough", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
            "memberships-0-organization": str(organization.pk), "memberships-0-role": Role.VIEWER,
        },
    )  # fmt: skip
    assert answer.status_code == 302
    person = User.objects.get(email="new.person@people.example")
    assert person.check_password("many words are enough")


def test_a_role_is_given_on_the_organizations_page(staff: Client) -> None:
    organization = make_organization("jos")
    person = User.objects.get(email="staff@taxpoynt.example")
    answer = staff.post(
        reverse("admin:accounts_organization_change", args=[organization.pk]),
        {
            "name": "Jos Works Ltd", "slug": "jos", "time_zone": "Africa/Lagos", "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0", "memberships-0-user": str(person.pk), "memberships-0-role": Role.AUDITOR,
            "memberships-0-organization": str(organization.pk),
        },
    )  # fmt: skip
    assert answer.status_code == 302
    assert Membership.objects.get().role == Role.AUDITOR


def test_an_organization_is_never_deleted_by_a_click(staff: Client) -> None:
    organization = make_organization("jos")
    answer = staff.post(reverse("admin:accounts_organization_delete", args=[organization.pk]), {"post": "yes"})
    assert answer.status_code == 403
    assert Organization.objects.filter(pk=organization.pk).exists()


def test_the_nightly_sync_is_moved_and_switched_off_in_the_admin(world: World, staff: Client) -> None:
    task = PeriodicTask.objects.get(name=f"Nightly sync of connection {world.connection.pk}")
    address = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    page = staff.get(address)
    assert "crm.hubspot.tasks.sync_hubspot_deals" in page.content.decode()
    form = {
        "name": task.name, "regtask": task.task, "task": "", "crontab": str(task.crontab_id), "args": task.args,
        "kwargs": task.kwargs, "queue": "batch", "headers": "{}", "description": "Moved by staff",
    }  # fmt: skip
    assert staff.post(address, form).status_code == 302
    task.refresh_from_db()
    assert (task.enabled, task.description, task.task) == (
        False, "Moved by staff", "crm.hubspot.tasks.sync_hubspot_deals",
    )  # fmt: skip


@pytest.mark.usefixtures("broker_away")
def test_running_a_schedule_by_hand_says_when_the_queue_is_away(world: World, act: Act) -> None:
    task = PeriodicTask.objects.get(name=f"Nightly sync of connection {world.connection.pk}")
    [sentence] = said(act("django_celery_beat_periodictask", "run_tasks", task))
    assert sentence.startswith("The queue does not answer")


@pytest.mark.parametrize(("environment", "said_so"), [("sandbox", True), ("production", False)])
def test_the_admin_says_where_it_is(environment: str, said_so: bool, staff: Client, settings: Any) -> None:
    settings.ENVIRONMENT = environment
    assert ("Sandbox" in staff.get(reverse("admin:index")).content.decode()) is said_so
