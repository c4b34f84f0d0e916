"""Real workers and a real beat: what is told when they work, and within how long when one is killed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from integrations.broker import report_now
from integrations.models import Pulse, QueueMinute
from integrations.queue_health import Level
from integrations.queues import HIGH
from tests.live import ROOT, Live, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def faults() -> list[str]:
    return [fault.sentence for fault in report_now().all_faults()]


def test_all_is_well_with_everything_running_and_red_within_a_minute_of_a_kill(live: Live) -> None:
    high = live.worker("high_priority")
    others = live.worker("standard,batch")
    live.beat()
    wait_until(lambda: report_now().level == Level.OK and Pulse.objects.filter(kind="beat").exists(), 40, "all well")
    wait_until(lambda: QueueMinute.objects.filter(wait_ms__isnull=False).count() >= 3, 30, "a canary in each queue")
    wait_until(QueueMinute.objects.filter(queue=HIGH, taken__gte=1).exists, 30, "the count of what it took")
    live.kill(high)
    took = wait_until(lambda: report_now().level == Level.CRITICAL, 60, "the missing worker is told")
    assert took > 5, "a worker that has just spoken is not missed yet"
    [sentence] = faults()
    assert sentence.startswith("No worker serves high_priority since ")
    command = [sys.executable, "manage.py", "queue_health"]
    told = subprocess.run(command, env=live.env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 2, told.stderr
    assert told.stdout.startswith("CRITICAL: No worker serves high_priority since ")
    live.worker("high_priority")
    wait_until(lambda: report_now().level == Level.OK, 40, "all well again")
    others.terminate()
    wait_until(lambda: not Pulse.objects.filter(queues__contains="batch").exists(), 20, "a worker that ends in order")
    assert os.waitpid(others.pid, os.WNOHANG) is not None
