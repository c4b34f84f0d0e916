"""The two ports that people know by number, and free ones that nobody needs to know."""

from __future__ import annotations

import errno
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
        """Return PORT and SANDBOX_PORT; raises Refusal for what is no port, and for one port given twice."""
        ports = cls(_number("PORT", 8000), _number("SANDBOX_PORT", 8900))
        if ports.web == ports.sandbox:
            raise Refusal(f"PORT and SANDBOX_PORT are both {ports.web}. Give the sandbox a port of its own.")
        return ports

    def check_free(self) -> None:
        """Raise Refusal, with the variable that moves it, when something listens on one of them already."""
        check_free(self.web, "PORT", "the web server")
        check_free(self.sandbox, "SANDBOX_PORT", "the sandbox")


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Refusal(f"{name} is “{text}”, which is not a port. Give a number from 1 to 65535.")
    return int(text)


def check_free(port: int, variable: str, who: str) -> None:
    """Raise Refusal when something listens on a port already, or when only root may."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise Refusal(
                    f"Only root may listen on port {port}, so {who} cannot. Choose one above 1023: "
                    f"{variable}={port + 8000} make demo"
                ) from problem
            other = port + 1 if port < 65535 else port - 1
            raise Refusal(
                f"Port {port} is in use, so {who} cannot listen there. End what uses it, or choose another: "
                f"{variable}={other} make demo"
            ) from problem


def free_port() -> int:
    """Return a port that nothing listens on at this moment; somebody else may take it before we do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
