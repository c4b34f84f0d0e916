"""`python -m dev setup|run|demo|clean`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys

from dev.say import Refusal, complain


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m dev", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="make the virtual environment and install into it")
    setup.add_argument("requirements", nargs="?", default="requirements-dev.txt")
    run = commands.add_parser("run", help="run a command with a local database and broker")
    run.add_argument("--test", action="store_true", help="the tests' own database, which trades safety for speed")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    demo = commands.add_parser("demo", help="run everything against the sandbox")
    demo.add_argument("--once", action="store_true", help="end after the summary; exit 0 only if all was signed")
    commands.add_parser("clean", help="remove the local databases")
    return top


def main() -> int:
    """Run one command; what it refuses ends with a sentence and no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no “ is no reason to stop
    try:
        return carry_out(parser().parse_args())
    except Refusal as refusal:
        complain(str(refusal))
        return refusal.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; Python must not fail on it again when it flushes at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError as missing:
        complain(f"{sys.executable} has no {missing.name}. Run make setup, then use .venv/bin/python -m dev.")
        return 2


def carry_out(options: argparse.Namespace) -> int:
    """Return the exit code of the command that was named; each is imported only where it is used."""
    if options.command == "setup":
        from dev.environment import set_up

        set_up(options.requirements)
        return 0
    if options.command == "run":
        from dev.run import run

        words = options.words[1:] if options.words[:1] == ["--"] else options.words
        return run(words, test=options.test)
    if options.command == "clean":
        from dev.clean import clean

        clean()
        return 0
    from dev.demo import demo

    return demo(once=options.once)


if __name__ == "__main__":
    sys.exit(main())
