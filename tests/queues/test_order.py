"""One worker for all queues takes what is most urgent first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Canary
from integrations.queues import BATCH, HIGH, QUEUES, STANDARD
from integrations.tasks import hear_canary
from taxpoynt.celery import app
from tests.live import Live, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FULL = 1_500  # tasks before it


def send(queue: str) -> None:
    hear_canary.apply_async(args=[queue], queue=queue, headers={"sent_at": timezone.now().isoformat()})


def test_with_a_full_batch_queue_a_sale_is_next_and_an_invoice_after_it(live: Live) -> None:
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for _ in range(FULL):
            hear_canary.apply_async(args=[BATCH], queue=BATCH, producer=producer)
        for _ in range(FULL // 5):
            hear_canary.apply_async(args=[STANDARD], queue=STANDARD, producer=producer)
    live.worker(",".join(queue.name for queue in QUEUES), "-c", "1")
    wait_until(Canary.objects.filter(queue=STANDARD).exists, 30, "the worker has begun")
    assert not Canary.objects.filter(queue=BATCH).exists(), "batch was begun before standard was empty"
    send(HIGH)
    wait_until(Canary.objects.filter(queue=HIGH).exists, 10, "the sale")
    assert not Canary.objects.filter(queue=BATCH).exists(), "the sale waited for all of standard"
    wait_until(Canary.objects.filter(queue=BATCH).exists, 30, "batch's turn")
    send(HIGH)
    first = Canary.objects.get(queue=HIGH).heard_at
    wait_until(lambda: Canary.objects.get(queue=HIGH).heard_at > first, 10, "a sale with all of batch before it")
    heard = Canary.objects.get(queue=HIGH)
    assert heard.heard_at - heard.sent_at < timedelta(seconds=2)
    with app.connection_for_read() as connection:
        left = connection.default_channel.queue_declare(BATCH, passive=True).message_count
    assert left > FULL // 10, "a batch queue that is empty proves nothing"
