"""A relay between an address of ours and a server on loopback; it carries bytes, and closes when either end does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def relay(address: str, port: int) -> Iterator[int]:
    """Yield a port at the address that leads to a port of loopback."""
    listener = socket.create_server((address, 0))
    over = threading.Event()
    opened: list[socket.socket] = []
    listener.settimeout(0.2)

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                opened.extend((near, far))
                # What PostgreSQL itself asks of a connection (settings.DATABASES), on the wire that is cut.
                near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, seconds in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 3), (socket.TCP_KEEPCNT, 3)):
                    near.setsockopt(socket.IPPROTO_TCP, option, seconds)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        thread.join()
        listener.close()
        for end in opened:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    other.close()
