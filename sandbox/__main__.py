"""Command line: read the options, listen, say so, serve until interrupted."""

import argparse
import os
import signal
import sys
from types import FrameType

from sandbox.app import Sandbox
from sandbox.server import Server
from sandbox.settings import Settings


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options; argparse exits with code 2 on a bad one."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="HubSpot and the tax authority, played.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--deals", type=int, default=250, help="how many deals HubSpot holds")
    parser.add_argument("--seed", type=int, default=1, help="which invented world")
    parser.add_argument("--no-limits", action="store_true", help="HubSpot without rate limits")
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="delay of each answer")
    options = parser.parse_args(arguments)
    if options.deals < 0 or options.latency < 0:
        parser.error("--deals and --latency must be 0 or more.")
    if not 0 <= options.port <= 65535:
        parser.error(f"--port must be between 0 and 65535; {options.port} is not.")
    return options


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the sandbox; returns 2 when it cannot listen."""
    options = read_options()
    # Also Ctrl-C: a shell starts background jobs with that signal ignored.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    settings = Settings(
        deals=options.deals, seed=options.seed, limits=not options.no_limits, latency_ms=options.latency
    )
    try:
        server = Server(options.host, options.port)
    except OSError as error:
        sys.stderr.write(
            f"The sandbox cannot listen on {options.host}:{options.port} ({error.strerror}). "
            "Stop the program that uses this port, or choose another with --port.\n"
        )
        return 2
    try:
        server.application = Sandbox(settings).handle
        sys.stdout.write(f"sandbox ready on http://{options.host}:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
        os._exit(0)  # at once: handing back the memory of a large account would take seconds
    return 0


if __name__ == "__main__":
    sys.exit(main())
