"""Database and broker together: ours under `var/`, or those that DATABASE_URL and REDIS_URL name."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dev.broker import Broker
from dev.environment import VENV
from dev.kept import kept
from dev.postgres import Postgres
from dev.say import Refusal
from dev.signals import ends_in_order, ignore_signals

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
def launching(home: Path) -> Iterator[None]:
    """Be the only launcher of this folder under `var/`, and end in order whatever ends us; raises Refusal."""
    if os.environ.get("DATABASE_URL"):
        check_database_url(os.environ["DATABASE_URL"])
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise Refusal(
                f"Another launcher is already running from var/{home.name}. End it first, or use its addresses."
            ) from problem
        with ends_in_order():
            yield


@contextmanager
def stack(home: Path, *, durable: bool, fresh: bool = False) -> Iterator[dict[str, str]]:
    """Bring database and broker up, yield the environment that finds them, and take them down again.

    Only inside `launching(home)`. `fresh` makes an embedded database anew. Raises Refusal with a sentence.
    """
    environment = {**os.environ, **_keys(home), **_direct_loopback()}
    environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment['PATH']}"
    with ExitStack() as ends:
        if not os.environ.get("DATABASE_URL"):
            postgres = Postgres(home, durable=durable)
            ends.callback(postgres.stop)
            postgres.start()
            postgres.make_database(fresh=fresh)
            environment["DATABASE_URL"] = postgres.url()
        if not os.environ.get("REDIS_URL"):
            broker = Broker(home)
            ends.callback(broker.stop)
            broker.start()
            environment["REDIS_URL"] = broker.url
        ends.callback(ignore_signals)
        yield environment


def _keys(home: Path) -> dict[str, str]:
    """Return development keys, made once and readable by us alone; those of the environment win."""

    def make() -> str:
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return json.dumps({"SECRET_KEY": secrets.token_urlsafe(50), "CREDENTIAL_KEYS": fernet})

    keys: dict[str, str] = json.loads(kept(home / "keys.json", make))
    return {name: os.environ.get(name) or value for name, value in keys.items()}


def _direct_loopback() -> dict[str, str]:
    """Return the variables that keep a proxy of the environment out of what stays on this machine."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    spared = given if given == "*" else ",".join(filter(None, [given, "127.0.0.1", "localhost"]))
    return {"no_proxy": spared, "NO_PROXY": spared}
