"""The commands that connect, sync and set a demo up, against the sandbox over HTTP."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_scopes import scopes_disabled

from accounts.models import Membership, Organization, User
from crm.models import Deal
from integrations.models import Connection, SyncRun
from invoices.models import Business, Invoice, Status
from tests.factories import make_organization
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.usefixtures("db", "sandbox")


def run(*words: str) -> tuple[str, str]:
    """Return what a command says on standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def connect(slug: str = "kano", key: str = "pat-sandbox", *more: str) -> tuple[str, str]:
    return run("add_connection", "hubspot", "--organization", slug, "--service-key", key, *more)


@pytest.fixture
def connection_id() -> str:
    """Return the id of a connection made by the command, in an organization that has no seller yet."""
    make_organization("kano")
    return connect()[0].strip()


def test_connecting_prints_the_id_alone_and_a_sentence_beside_it() -> None:
    make_organization("kano")
    out, err = connect("kano", "pat-sandbox", "--name", "Head office")
    with scopes_disabled():
        made = Connection.objects.get()
    assert out == f"{made.pk}\n"
    assert err.startswith("Head office is connected to Kano Works Ltd.")
    assert made.name == "Head office"
    assert made.sync_requested_at is not None
    assert "pat-sandbox" not in out + err


def test_the_same_account_again_renews_the_connection(connection_id: str) -> None:
    assert connect()[0].strip() == connection_id
    with scopes_disabled():
        assert Connection.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("zoho", "kano", "pat-sandbox"), "no connector called 'zoho'. These are installed: hubspot"),
        (("hubspot", "nobody", "pat-sandbox"), "no organization 'nobody'"),
        (("hubspot", "kano", "pat-wrong"), "Nothing was connected. This key is not accepted"),
        (("hubspot", "kano", " "), "service key is empty"),
        (("hubspot", "kano", "pat\nsandbox"), "characters that no key has"),
        (("hubspot", "kano", "schlüssel"), "characters that no key has"),
    ],
)
def test_what_cannot_be_connected_is_a_sentence(words: tuple[str, str, str], sentence: str) -> None:
    make_organization("kano")
    provider, slug, key = words
    with pytest.raises(CommandError, match=sentence):
        run("add_connection", provider, "--organization", slug, "--service-key", key)
    with scopes_disabled():
        assert not Connection.objects.exists()


def test_a_name_that_is_too_long_is_refused() -> None:
    make_organization("kano")
    with pytest.raises(CommandError, match="The name has 201 characters; 200 is the most"):
        connect("kano", "pat-sandbox", "--name", "x" * 201)


def test_a_provider_that_is_away_is_a_sentence(settings: Any) -> None:
    make_organization("kano")
    settings.HUBSPOT_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="HubSpot could not be reached or is too busy now, so nothing was connected"):
        connect()


def test_an_account_of_another_organization_is_refused(connection_id: str) -> None:
    make_organization("warri")
    with pytest.raises(CommandError, match="another organization"):
        connect("warri")
    with scopes_disabled():
        assert Connection.objects.get().organization.slug == "kano"


def test_a_sync_reads_everything_and_prints_its_counts(connection_id: str, sandbox: SandboxProcess) -> None:
    out, _ = run("sync_connection", connection_id)
    won = sum(deal["won"] for deal in sandbox.expected())
    assert "succeeded (full)" in out
    assert "read 40 · created 40 · changed 0 · unchanged 0 · quarantined 0" in out
    assert f"invoices: ready 0 · held {won}" in out
    assert f"held by {won}: The seller's business profile" in out
    with scopes_disabled():
        assert Deal.objects.count() == 40
    again, _ = run("sync_connection", connection_id, "--full")
    assert "read 40 · created 0 · changed 0 · unchanged 40" in again


def test_a_sync_makes_the_invoices_that_the_sandbox_expects(sandbox: SandboxProcess, settings: Any) -> None:
    settings.ENVIRONMENT = "sandbox"
    run("setup_demo")
    number = connect("demo")[0].strip()
    out, _ = run("sync_connection", number)
    right = [deal for deal in sandbox.expected() if deal["won"] and not deal["flaw"]]
    wrong = [deal for deal in sandbox.expected() if deal["won"] and deal["flaw"]]
    assert f"invoices: ready {len(right)} · held {len(wrong)}" in out
    with scopes_disabled():
        assert Invoice.objects.filter(status=Status.READY).count() == len(right)


def test_a_sync_that_is_partial_says_why_and_ends_with_1(connection_id: str, sandbox: SandboxProcess) -> None:
    sandbox.edit("deals", sandbox.expected()[0]["deal_id"], amount="1e1000000")
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"The sync is partial\. 1 record could not be read") as refused:
        call_command("sync_connection", connection_id, stdout=out)
    assert refused.value.returncode == 1
    assert "quarantined 1" in out.getvalue()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("999999",), "There is no connection 999999."),
        (("{id}", "--days-back", "0"), "--days-back must be between 1 and 3650; 0 was given."),
        (("{id}", "--days-back", "99999999999"), "--days-back must be between 1 and 3650"),
    ],
)
def test_a_sync_that_cannot_start_ends_with_2(words: tuple[str, ...], sentence: str, connection_id: str) -> None:
    with pytest.raises(CommandError, match=sentence) as refused:
        run("sync_connection", *(word.format(id=connection_id) for word in words))
    assert refused.value.returncode == 2
    with scopes_disabled():
        assert not SyncRun.objects.exists()


def test_a_disconnected_account_and_an_unknown_provider_cannot_be_synced(connection_id: str) -> None:
    with scopes_disabled():
        Connection.objects.update(status="disconnected")
    with pytest.raises(CommandError, match="nothing was read") as refused:
        run("sync_connection", connection_id)
    assert refused.value.returncode == 2
    with scopes_disabled():
        Connection.objects.update(status="active", provider="pipewind")
    with pytest.raises(CommandError, match="an account at pipewind, which has no deals to read"):
        run("sync_connection", connection_id)


def test_the_demo_is_set_up_once_however_often_it_is_asked_for(settings: Any, sandbox: SandboxProcess) -> None:
    settings.ENVIRONMENT = "sandbox"
    for _ in range(2):
        out, _ = run("setup_demo")
    assert "taxpoynt-demo-2026" not in out
    roles = Membership.objects.filter(organization__slug="demo").values_list("user__email", "role")
    assert dict(roles) == {
        f"{role}@demo.example": role for role in ("owner", "accountant", "operator", "viewer", "auditor")
    }
    assert [m.user.email for m in Membership.objects.filter(organization__slug="other")] == ["owner@other.example"]
    assert User.objects.get(email="staff@taxpoynt.example").is_superuser
    assert all(user.check_password("taxpoynt-demo-2026") for user in User.objects.all())
    with scopes_disabled():
        seller = Business.objects.get()
    profile = sandbox.get("/_control/businesses")[0]
    assert (str(seller.business_id), seller.certificate) == (profile["business_id"], profile["key_file"]["certificate"])
    assert seller.organization.name == profile["name"]


def test_the_demo_is_refused_outside_a_sandbox(settings: Any) -> None:
    settings.ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="This is the production environment"):
        run("setup_demo")
    assert not User.objects.exists()


def test_the_demo_says_when_the_sandbox_is_away(settings: Any) -> None:
    settings.ENVIRONMENT, settings.MBS_BASE_URL = "sandbox", "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="could not be asked for its sellers, so nothing was changed"):
        run("setup_demo")
    assert not Organization.objects.exists()


@pytest.fixture
def manage(sandbox: SandboxProcess, transactional_db: None) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts manage.py as a process of its own, on this test's database."""
    from django.db import connection as database

    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    environment = {
        **os.environ, "DATABASE_URL": f"{base}/{database.settings_dict['NAME']}", "LOG_LEVEL": "CRITICAL",
        "HUBSPOT_API_BASE": sandbox.url, "MBS_BASE_URL": sandbox.url,
    }  # fmt: skip

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *words], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_ends_a_sync_with_a_sentence_and_keeps_what_was_read(
    manage: Callable[..., Any], sandbox: SandboxProcess
) -> None:
    make_organization("kano")
    number = connect()[0].strip()
    sandbox.set(latency_ms=3000)
    process = manage("sync_connection", number)
    with scopes_disabled():
        while not SyncRun.objects.exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopped by hand." in err
    assert "Traceback" not in out + err
    with scopes_disabled():
        assert SyncRun.objects.get().status == "partial"


@pytest.mark.django_db(transaction=True)
def test_the_exit_codes_are_the_process_own(manage: Callable[..., Any]) -> None:
    make_organization("kano")
    number = connect()[0].strip()
    good, absent = manage("sync_connection", number), manage("sync_connection", "999999")
    out, err = good.communicate(timeout=60)
    assert (good.returncode, err) == (0, "")
    assert "read 40" in out
    _, sentence = absent.communicate(timeout=60)
    assert absent.returncode == 2
    assert sentence.strip() == "CommandError: There is no connection 999999."
