"""A small app that receives the sandbox's webhooks and answers as it is told."""

import json
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any, NamedTuple


class Received(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the body."""
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Listens on a free port; `answers` are the next statuses, `slow` seconds delay head and body of each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.slow = 0.0
        self.changed = Condition()
        self._thread = Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def wait_for(self, requests: int, seconds: float = 10) -> list[Received]:
        """Wait until at least so many requests came and return them all."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= requests, seconds), self.received
            return list(self.received)

    def events(self) -> list[dict[str, Any]]:
        """Return all events that came."""
        with self.changed:
            return [event for each in self.received for event in each.events]

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            status = self.server.answers.pop(0) if self.server.answers else 200
            self.server.received.append(Received(self.path, dict(self.headers), body))
            self.server.changed.notify_all()
        time.sleep(self.server.slow)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.flush()
        time.sleep(self.server.slow)
        with suppress(OSError):  # the sandbox may have gone away meanwhile
            self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
