"""Database and broker together: ours under `var/`, or those that DATABASE_URL and REDIS_URL name."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from dev.broker import Broker
from dev.environment import ROOT
from dev.postgres import Postgres
from dev.say import Refusal

ONLY_POSTGRESQL = (
    "DATABASE_URL names a {scheme} database, and TaxPoynt runs on PostgreSQL only: its row locks, SKIP LOCKED, COPY "
    "and partial unique constraints are what keeps an invoice from being issued twice. "
    "Give a postgresql:// address, or unset DATABASE_URL and one is started for you."
)


def check_database_url(url: str) -> None:
    """Raise Refusal for anything but PostgreSQL."""
    scheme = urlsplit(url).scheme
    if scheme not in {"postgres", "postgresql"}:
        raise Refusal(ONLY_POSTGRESQL.format(scheme=scheme or "nameless"))


@contextmanager
def stack(name: str, *, durable: bool, fresh: bool = False, home: Path | None = None) -> Iterator[dict[str, str]]:
    """Bring database and broker up, yield the environment that finds them, and take them down again.

    `name` is the folder under `var/`; two launchers cannot share one. `fresh` makes an embedded database anew.
    Raises Refusal with a sentence.
    """
    home = home or ROOT / "var" / name
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **_keys(home)}
    with ExitStack() as ends:
        if os.environ.get("DATABASE_URL"):
            check_database_url(os.environ["DATABASE_URL"])
        ends.enter_context(_only_launcher(home))
        ends.enter_context(ends_in_order())
        if not os.environ.get("DATABASE_URL"):
            postgres = Postgres(home, durable=durable)
            ends.callback(postgres.stop)
            postgres.start()
            if fresh:
                postgres.fresh_database()
            else:
                postgres.ensure_database()
            environment["DATABASE_URL"] = postgres.url()
        if not os.environ.get("REDIS_URL"):
            broker = Broker(home)
            ends.callback(broker.stop)
            broker.start()
            environment["REDIS_URL"] = broker.url
        ends.callback(ignore_signals)
        yield environment


@contextmanager
def ends_in_order() -> Iterator[None]:
    """Let `kill` and Ctrl-C end us by an exception, so that everything is taken down in its order and undisturbed."""

    def end(number: int, _: object) -> None:
        ignore_signals()  # here and not later: an impatient second signal must not leave a server behind
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(143)

    before = signal.signal(signal.SIGINT, end), signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def ignore_signals() -> None:
    """Let nothing interrupt the way out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def is_free(home: Path) -> bool:
    """Tell whether no launcher runs from this folder."""
    try:
        with (home / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextmanager
def _only_launcher(home: Path) -> Iterator[None]:
    lock: IO[str] = (home / "lock").open("w")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise Refusal(
                f"Another launcher is already running from var/{home.name}. End it first, or use its addresses."
            ) from problem
        yield
    finally:
        lock.close()


def _keys(home: Path) -> dict[str, str]:
    """Return development keys, made once and readable by us alone; those of the environment win."""
    path = home / "keys.json"
    if not path.exists():
        path.touch(mode=0o600)
        keys = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "CREDENTIAL_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        path.write_text(json.dumps(keys))
    kept: dict[str, str] = json.loads(path.read_text())
    return {name: os.environ.get(name) or value for name, value in kept.items()}
