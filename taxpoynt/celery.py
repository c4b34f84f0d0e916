"""Celery: three queues, who goes where, each limit with its reason, and the one table of periodic tasks.

The broker is only a bell: what must be done is in PostgreSQL, tasks carry ids, and the sweeps below ring again for
what is due and has no worker.
"""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import (
    beat_init,
    before_task_publish,
    setup_logging,
    task_prerun,
    worker_init,
    worker_ready,
    worker_shutdown,
)
from kombu import Queue

from integrations.queues import BATCH, HIGH, QUEUES, STANDARD

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxpoynt.settings")

# A page of deals is a hundred thousand objects that are all still wanted: looking through them for garbage every 700
# allocations, as Python does, cost a fifth of a backfill (1,936 to 2,125 deals/s; 2,528 to 2,606 with this).
gc.set_threshold(50_000, 20, 50)

# First match wins; a task that matches nothing here goes to `standard`.
ROUTES = [
    ("pos.tasks.invoice_waiting_sales", {"queue": STANDARD}),
    ("pos.tasks.close_days*", {"queue": BATCH}),
    ("pos.tasks.sync_*_of", {"queue": BATCH}),
    ("pos.tasks.read_payments", {"queue": STANDARD}),
    ("pos.tasks.match_waiting_payments", {"queue": STANDARD}),
    ("pos.*", {"queue": HIGH}),  # a sale must never wait behind a nightly backfill
    ("crm.*sync_*_deals", {"queue": BATCH}),
    ("crm.*preview_*", {"queue": BATCH}),
    ("invoices.tasks.reconciliation_of", {"queue": BATCH}),
    ("crm.tasks.*_of", {"queue": BATCH}),  # whole accounts: a sync, a preview, a census
    ("crm.tasks.write_back_*", {"queue": BATCH}),
    ("*.prune_*", {"queue": BATCH}),
    ("*.maintain_*", {"queue": BATCH}),
    ("celery.*", {"queue": STANDARD}),
    ("*", {"queue": STANDARD}),
]

# Seconds between two rings. A ring that nobody heard is void when the next one comes, so that workers which were
# away for a day do not find thousands of them.
SWEEPS = {
    "ring-wanted-syncs": ("integrations.tasks.ring_wanted_syncs", 10.0),
    "check-connections": ("integrations.tasks.check_connections", 60.0),
    "sweep-webhooks": ("integrations.tasks.sweep_webhooks", 5.0),
    "prune-queues": ("integrations.tasks.prune_queues", 3600.0),
    "maintain-partitions": ("integrations.tasks.maintain_partitions", 6 * 3600.0),
    "invoice-waiting-deals": ("crm.tasks.invoice_waiting_deals", 20.0),
    "invoice-waiting-sales": ("pos.tasks.invoice_waiting_sales", 20.0),
    "read-payments": ("pos.tasks.read_payments", 300.0),
    "match-waiting-payments": ("pos.tasks.match_waiting_payments", 60.0),
    "write-back-invoices": ("crm.tasks.write_back_invoices", 60.0),
    "write-back-left-behind": ("crm.tasks.write_back_left_behind", 10.0),
    "submit-due-invoices": ("invoices.tasks.submit_due_invoices", 10.0),
    "work-exchanges": ("invoices.tasks.work_exchanges", 10.0),
    "send-due-letters": ("invoices.tasks.send_due_letters", 10.0),
    "tell-deadlines": ("invoices.tasks.tell_deadlines", 300.0),
}
# Once a night, by the clock in Lagos: after the nightly syncs, which begin at two.
NIGHTLY = {
    "refresh-code-lists": ("invoices.tasks.refresh_code_lists", crontab(hour="1", minute="30")),
    # The bell rings when a rate is entered; this is for the one that nobody heard.
    "retry-waiting-for-rates": ("invoices.tasks.retry_waiting_for_rates", crontab(hour="5", minute="0")),
    "ring-reconciliations": ("invoices.tasks.ring_reconciliations", crontab(hour="5", minute="30")),
    # So it is with a change of law; and invoices from before deadlines were kept get theirs.
    "recount-deadlines": ("invoices.tasks.recount_deadlines", crontab(hour="0", minute="30")),
    "close-days": ("pos.tasks.close_days", crontab(hour="3", minute="0")),
    "ring-censuses": ("crm.tasks.ring_censuses", crontab(hour="4", minute="30")),
}
# One small task through each queue, straight from beat: what it tells holds even where no other queue is served.
CANARY_EVERY, CANARY_LASTS = 10.0, 600.0
CANARIES: dict[str, dict[str, Any]] = {
    f"canary-{queue.name}": {
        "task": "integrations.tasks.hear_canary",
        "schedule": CANARY_EVERY,
        "args": [queue.name],
        "options": {"queue": queue.name, "expires": CANARY_LASTS},
    }
    for queue in QUEUES
}
PERIODIC: dict[str, dict[str, Any]] = (
    {
        name: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
        for name, (task, seconds) in SWEEPS.items()
    }
    | {name: {"task": task, "schedule": at} for name, (task, at) in NIGHTLY.items()}
    | CANARIES
)

app = Celery("taxpoynt", task_cls="integrations.counting:CountedTask", amqp="taxpoynt.reconnecting:Amqp")
app.config_from_object("django.conf:settings", namespace="CELERY")  # the broker's address and options come from there
app.conf.update(
    task_queues=[Queue(queue.name) for queue in QUEUES],
    task_default_queue=STANDARD,
    task_routes=(ROUTES,),
    task_create_missing_queues=False,  # a mistyped queue is an error, not a queue that nobody serves
    beat_schedule=PERIODIC,
    timezone="Africa/Lagos",
    enable_utc=True,
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,  # with a result back-end in Redis, publishing without Redis blocks for 19 s
    task_acks_late=True,  # a worker that dies gives its task back; every task may run twice
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,  # a prefetched task waits behind a slow one: p99 went from 22 ms to 2 s with 100
    task_time_limit=3000,  # below the visibility timeout, or a long task would run twice at once
    task_soft_time_limit=2940,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # by default a worker ends when its broker was away for long
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    },
    worker_hijack_root_logger=False,
    worker_send_task_events=True,
    # Celery otherwise closes Django's database connection after every task: 158 invoices/s became 801.
    CELERY_DB_REUSE_MAX=1000,
)


@setup_logging.connect
def _logging_is_djangos(**_: object) -> None:
    """Leave logging as the settings made it, masks included."""


@task_prerun.connect
def _leave_dead_connections(**_: object) -> None:
    """Close a database connection that no longer answers: one that is kept outlives a restart of PostgreSQL."""
    from django.db import close_old_connections

    close_old_connections()


@worker_init.connect
@beat_init.connect
def _refuse_wrong_keys(**_: object) -> None:
    from integrations.services.keys import refuse_wrong_keys

    refuse_wrong_keys()


@worker_ready.connect
def _begin_pulse(sender: Any, **_: object) -> None:
    from integrations.pulse import WorkerPulse

    pulse = WorkerPulse(sender.hostname, list(sender.app.amqp.queues.consume_from))
    pulse.start()
    worker_shutdown.connect(lambda **_: pulse.stop(), weak=False)


@beat_init.connect
def _begin_beats_pulse(**_: object) -> None:
    from integrations.pulse import BeatPulse

    before_task_publish.connect(BeatPulse().before_publish, weak=False)


def _task_packages() -> list[str]:
    """Return the packages whose tasks.py is loaded beside the apps' own: one for each connector."""
    from django.conf import settings

    return [path.rsplit(".", 2)[0] for path in settings.CONNECTORS]


app.autodiscover_tasks()
app.autodiscover_tasks(_task_packages)
