"""`python -m dev setup|run|demo`."""

from __future__ import annotations

import argparse
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
    return top


def main() -> int:
    """Run one command; what it refuses ends with a sentence and no traceback."""
    options = parser().parse_args()
    try:
        if options.command == "setup":
            from dev.environment import set_up

            set_up(options.requirements)
            return 0
        if options.command == "run":
            from dev.run import run

            words = options.words[1:] if options.words[:1] == ["--"] else options.words
            return run(words, test=options.test)
        from dev.demo import demo

        return demo(once=options.once)
    except Refusal as refusal:
        complain(str(refusal))
        return refusal.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
