"""Other brokers than the test run's own, for a while; one of them may be flushed, killed and started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.broker import Broker
from taxpoynt.celery import app

NOWHERE = "redis://127.0.0.1:9/0"  # nobody listens on the discard port
IN_MEMORY = "memory://"


@contextmanager
def broker(url: str) -> Iterator[None]:
    """Let Celery speak to another broker, with connections of its own."""
    before = app.conf.broker_url
    app.conf.broker_url = url
    app._after_fork()  # forgets the pooled connections, as a new process would
    try:
        yield
    finally:
        app.conf.broker_url = before
        app._after_fork()


@contextmanager
def own_broker(home: Path) -> Iterator[Broker]:
    """Start a Redis-compatible server that nobody else uses, and let Celery speak to it."""
    (home / "log").mkdir(parents=True, exist_ok=True)
    server = Broker(home)
    server.start()
    try:
        with broker(server.url):
            yield server
    finally:
        server.kill()
