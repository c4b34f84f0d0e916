"""Where the health of the queues is shown: a page, the API, the metrics and a command."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from dev.broker import Broker
from integrations.models import Canary, Pulse, QueueMinute, WebhookDelivery
from integrations.queues import HIGH, QUEUES
from integrations.services.queues import hear_canary, note_minute, note_process, prune_queues
from integrations.tasks import process_webhooks
from tests.brokers import NOWHERE, broker
from tests.factories import make_user

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def well(server: Broker) -> None:
    """Let beat and a worker of every queue be alive, and their canaries heard."""
    now = timezone.now()
    note_process(name="beat@here", kind="beat", queues=[], started_at=now)
    note_process(name="all@here", kind="worker", queues=[queue.name for queue in QUEUES], started_at=now)
    for queue in QUEUES:
        hear_canary(queue=queue.name, sent_at=now - timedelta(milliseconds=40))


@pytest.fixture
def staff() -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("staff@taxpoynt.example"), backend=BACKEND)
    return browser


def health() -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("queue_health", stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_exit_code_is_0_when_all_is_well_1_for_a_warning_and_2_when_it_is_critical(well: None) -> None:
    code, text = health()
    assert (code, text.splitlines()[0].split(" · ")[0]) == (0, "high_priority: ok")
    note_minute(queue=HIGH, failed=1)
    code, text = health()
    assert code == 1
    assert text.startswith("WARNING: 1 task of high_priority ended with an error of ours")
    Pulse.objects.filter(kind="worker").update(beaten_at=timezone.now() - timedelta(minutes=2))
    code, text = health()
    assert code == 2
    assert "CRITICAL: No worker serves high_priority since" in text


def test_a_broker_that_is_away_is_critical_and_the_rest_is_told(well: None) -> None:
    with broker(NOWHERE):
        code, text = health()
    assert code == 2
    assert text.startswith("CRITICAL: The broker does not answer")
    assert "? tasks wait" in text


def test_depth_is_the_brokers_and_due_rows_are_the_databases(well: None, staff: Client) -> None:
    for _ in range(3):
        process_webhooks.apply_async(queue=HIGH)
    WebhookDelivery.objects.create(provider="hubspot", body=b"[]", received_at=timezone.now() - timedelta(hours=1))
    told = staff.get("/api/v1/queues/").json()
    queues = {queue["name"]: queue for queue in told["queues"]}
    assert {name: queue["depth"] for name, queue in queues.items()} == {"high_priority": 3, "standard": 0, "batch": 0}
    assert [(work["what"], work["count"]) for work in queues["standard"]["due"]] == [("webhook deliveries", 1)]
    assert told["level"] == "warning"
    assert "1 webhook deliveries wait for standard, the oldest for 60 minutes" in told["faults"][0]["sentence"]
    assert [queue["weight"] for queue in told["queues"]] == [10, 5, 2]


def test_the_page_tells_the_sentence_and_draws_the_hour_without_a_script(well: None, staff: Client) -> None:
    note_minute(queue=HIGH, taken=12, depth=4)
    Pulse.objects.filter(kind="worker").update(queues=["standard", "batch"])
    text = staff.get(reverse("queues")).content.decode()
    assert "No worker serves high_priority since" in text
    assert text.count("<polyline") >= 3
    assert "all@here" in text
    assert reverse("queues") in staff.get(reverse("admin:index")).content.decode()


def test_only_staff_with_the_right_see_it(well: None) -> None:
    anybody = Client()
    for address in (reverse("queues"), "/api/v1/queues/"):
        assert anybody.get(address).status_code in {302, 401, 403}
    for user in (make_user(), make_user(is_staff=True)):
        browser = Client()
        browser.force_login(user, backend=BACKEND)
        assert browser.get(reverse("queues")).status_code in {302, 403}
        assert browser.get("/api/v1/queues/").status_code == 403


def test_metrics_have_the_figures_of_each_queue(well: None, client: Client) -> None:
    process_webhooks.apply_async(queue=HIGH)
    text = client.get("/metrics").content.decode()
    assert 'taxpoynt_queue_depth{queue="high_priority"} 1.0' in text
    assert 'taxpoynt_queue_workers{queue="batch"} 1.0' in text
    assert 'taxpoynt_queue_level{queue="all"} 0.0' in text
    assert "taxpoynt_beats 1.0" in text
    with broker(NOWHERE):
        text = client.get("/metrics").content.decode()
    assert "taxpoynt_queue_depth{" not in text
    assert 'taxpoynt_queue_level{queue="all"} 2.0' in text


def test_a_minute_adds_up_what_its_workers_did_and_keeps_the_most_that_waited() -> None:
    note_minute(queue=HIGH, taken=2, failed=1, depth=7)
    note_minute(queue=HIGH, taken=3, depth=4, wait_ms=90)
    rows = list(QueueMinute.objects.all())
    assert sum(row.taken for row in rows) == 5
    assert max(row.depth or 0 for row in rows) == 7
    assert max(row.wait_ms or 0 for row in rows) == 90


def test_what_is_older_than_a_day_is_forgotten() -> None:
    now = timezone.now()
    note_minute(queue=HIGH, taken=1)
    note_process(name="old@gone", kind="worker", queues=[HIGH], started_at=now)
    assert prune_queues(now=now) == 0
    assert prune_queues(now=now + timedelta(days=1, minutes=2)) == 2
    assert not Pulse.objects.exists()


def test_a_canary_that_was_sent_by_hand_counts_as_heard_and_tells_no_wait() -> None:
    hear_canary(queue=HIGH, sent_at=None)
    assert Canary.objects.get().queue == HIGH
    assert not QueueMinute.objects.exists()


def test_ready_asks_the_broker_too_when_it_is_another_server(client: Client, settings: Any) -> None:
    settings.BROKER_URL = NOWHERE
    with broker(NOWHERE):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "BROKER_URL" in answer.json()["broker"]
