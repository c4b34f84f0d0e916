from __future__ import annotations

import json
from typing import Any

import pytest
from celery import current_app
from django.utils.module_loading import import_string
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from integrations.models import Connection
from integrations.services.connections import disconnect, schedule_nightly_sync
from taxpoynt.celery import BATCH, HIGH, PERIODIC, STANDARD, app


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELERY_SKIP_CHECKS", "1")  # they look into the database, which not every test here has
        app.loader.import_default_modules()


def queue_of(task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)


def test_every_registered_task_resolves_to_one_of_the_three_queues() -> None:
    queues = {task: queue_of(task) for task in app.tasks}
    assert set(queues.values()) <= {HIGH, STANDARD, BATCH}
    assert len(queues) > 8


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("crm.hubspot.tasks.sync_hubspot_deals", BATCH),
        ("crm.hubspot.tasks.process_hubspot_deal", STANDARD),
        ("invoices.tasks.submit_invoice", STANDARD),
        ("pos.tasks.process_sale", HIGH),
    ],
)
def test_work_goes_where_its_hurry_belongs(task: str, queue: str) -> None:
    assert queue_of(task) == queue


def test_the_tasks_that_others_call_by_name_are_there() -> None:
    assert {"crm.hubspot.tasks.sync_hubspot_deals", "crm.hubspot.tasks.process_hubspot_deal"} <= set(app.tasks)
    task = import_string("crm.hubspot.tasks.sync_hubspot_deals")
    assert task.run.__defaults__ == (30,)


def test_every_periodic_task_exists() -> None:
    assert {entry["task"] for entry in PERIODIC.values()} <= set(app.tasks)


def test_only_json_is_spoken_and_a_task_is_acknowledged_when_it_is_done() -> None:
    conf = app.conf
    assert (conf.accept_content, conf.task_serializer) == (["json"], "json")
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]


def test_the_database_connection_outlives_a_task() -> None:
    from celery.fixups.django import DjangoWorkerFixup

    assert DjangoWorkerFixup(app).db_reuse_max


def test_a_mistyped_queue_is_an_error() -> None:
    from kombu.exceptions import KombuError

    with pytest.raises((KombuError, KeyError, Exception), match="high_prioritty"):
        current_app.send_task("invoices.tasks.submit_invoice", args=[1], queue="high_prioritty")


def test_a_new_connection_is_synced_every_night_at_two_in_lagos(connection: Connection) -> None:
    [entry] = PeriodicTask.objects.filter(task="crm.hubspot.tasks.sync_hubspot_deals")
    assert (entry.crontab.hour, entry.crontab.minute, str(entry.crontab.timezone)) == ("2", "0", "Africa/Lagos")
    assert json.loads(entry.args) == [connection.pk]
    assert entry.enabled


def test_what_staff_changed_about_the_nightly_sync_stays(connection: Connection) -> None:
    PeriodicTask.objects.filter(args=json.dumps([connection.pk])).update(enabled=False)
    schedule_nightly_sync(connection)
    assert PeriodicTask.objects.filter(args=json.dumps([connection.pk])).count() == 1
    assert not PeriodicTask.objects.get(args=json.dumps([connection.pk])).enabled


def test_a_disconnected_connection_is_not_synced_at_night(connection: Connection) -> None:
    disconnect(connection=connection)
    assert not PeriodicTask.objects.get(args=json.dumps([connection.pk])).enabled


@pytest.mark.django_db(transaction=True)  # beat closes the connection between its looks
def test_the_sweeps_and_the_nightly_syncs_live_in_the_database(connection: Connection) -> None:
    scheduler: Any = DatabaseScheduler(app=app)
    scheduler.setup_schedule()
    names = set(PeriodicTask.objects.values_list("name", flat=True))
    assert set(PERIODIC) <= names
    assert f"Nightly sync of connection {connection.pk}" in names
