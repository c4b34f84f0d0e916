"""The two ports that people know by number."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from dev.say import Refusal


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the web and the sandbox listen."""

    web: int
    sandbox: int

    @classmethod
    def from_environment(cls) -> Ports:
        """Return PORT and SANDBOX_PORT, checked to be free; raises Refusal with the variable that moves one."""
        ports = cls(_number("PORT", 8000), _number("SANDBOX_PORT", 8900))
        check_free(ports.web, "PORT", "the web server")
        check_free(ports.sandbox, "SANDBOX_PORT", "the sandbox")
        return ports


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Refusal(f"{name} is “{text}”, which is not a port. Give a number from 1 to 65535.")
    return int(text)


def check_free(port: int, variable: str, who: str) -> None:
    """Raise Refusal when something listens on a port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            raise Refusal(
                f"Port {port} is in use, so {who} cannot listen there. End what uses it, or choose another: "
                f"{variable}={port + 1} make demo"
            ) from problem
