"""Workers on two machines, played by network namespaces; one is cut off in the middle of its work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from crm.models import Deal
from dev.broker import Broker
from integrations.models import Connection, Lease, WebhookEvent
from tests.live import Live, wait_until
from tests.queues.conftest import Told, are_renamed, rename
from tests.queues.relay import relay
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN_UP = 30  # seconds: the promise


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def machines() -> Iterator[list[tuple[str, str, str]]]:
    """Yield two namespaces, each with its own wire to us: its name, our end's device, and our address on it."""
    if not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces take root and the ip program")
    with ExitStack() as ends:
        made = []
        for number in (1, 2):
            name, wire = f"tp{os.getpid() % 10000}n{number}", f"tp{os.getpid() % 10000}w{number}"
            net = f"10.{200 + number}.{os.getpid() % 250}"
            try:
                _ip("netns", "add", name)
            except subprocess.CalledProcessError as problem:
                pytest.skip(f"this machine makes no network namespaces: {problem.stderr.decode().strip()}")
            ends.callback(lambda gone=name: _ip("netns", "del", gone))
            _ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("addr", "add", f"{net}.1/24", "dev", wire)
            _ip("link", "set", wire, "up")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "addr", "add", f"{net}.2/24", "dev", "eth0")
            made.append((name, wire, f"{net}.1"))
        yield made


def test_a_worker_that_is_cut_off_in_mid_work_is_replaced_and_nothing_is_lost(
    live: Live, server: Broker, connection: Connection, sandbox: SandboxProcess, tell: Told,
    machines: list[tuple[str, str, str]],
) -> None:  # fmt: skip
    ids = list(Deal.objects.values_list("external_id", flat=True))[:30]
    rename(sandbox, ids, "Cut")
    sandbox.set(latency_ms=2000)
    with ExitStack() as ends:
        envs = [ends.enter_context(_reached_by(address, live, server, sandbox)) for _, _, address in machines]
        (first, wire, _), (second, _, _) = machines
        _worker(live, first, envs[0])
        live.beat()
        tell(ids)
        wait_until(WebhookEvent.objects.filter(attempts__gte=1).exists, 40, "the first machine at its work")
        holder = Lease.objects.get(name=f"events {connection.pk}")
        _ip("link", "set", wire, "down")
        sandbox.set(latency_ms=0)
        _worker(live, second, envs[1])
        took = wait_until(
            lambda: are_renamed(ids, "Cut") and not WebhookEvent.objects.exclude(status="processed").exists(),
            TAKEN_UP, "the other machine takes it up",
        )  # fmt: skip
        print(f"  machine cut off in mid-work: {len(ids)} events taken up {took:.1f} s after it (at most {TAKEN_UP})")  # noqa: T201
        assert Lease.objects.get(name=holder.name).fence > holder.fence, f"nobody took over in {took:.0f} s"
        _ip("link", "set", wire, "up")  # it comes back, and writes nothing over what was done meanwhile
        time.sleep(5)
        assert not WebhookEvent.objects.exclude(status="processed").exists()
        assert are_renamed(ids, "Cut")


def _worker(live: Live, machine: str, env: dict[str, str]) -> None:
    before, live.env = live.env, env
    try:
        live.start(
            "ip", "netns", "exec", machine, sys.executable, "-m", "celery", "-A", "taxpoynt", "worker", "-c", "2",
            "-Q", "standard", "-n", machine, "--without-mingle", "--without-gossip", "-l", "WARNING",
        )  # fmt: skip
    finally:
        live.env = before


@contextmanager
def _reached_by(address: str, live: Live, server: Broker, sandbox: SandboxProcess) -> Iterator[dict[str, str]]:
    """Open our database, broker and sandbox, which listen on loopback only, at our address of a machine's wire."""
    with ExitStack() as ends:
        env = dict(live.env)
        for name in ("DATABASE_URL", "REDIS_URL", "HUBSPOT_API_BASE", "MBS_BASE_URL"):
            parts = urlsplit(env[name])
            port = ends.enter_context(relay(address, int(parts.port or 0)))
            env[name] = env[name].replace(f"{parts.hostname}:{parts.port}", f"{address}:{port}")
        env["no_proxy"] = env["NO_PROXY"] = f"{address},127.0.0.1,localhost"
        yield env
