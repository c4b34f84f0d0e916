"""The virtual environment: made once, and again whenever a requirements file or the interpreter changes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.say import Refusal, step
from dev.signals import ends_in_order

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VAR = ROOT / "var"  # whatever is made while running


def set_up(requirements: str) -> None:
    """Make `.venv` and install a requirements file into it, unless that was done already; raises Refusal."""
    stamp = VENV / f".installed-{requirements}"
    wanted = fingerprint(requirements)
    if _is_current(stamp, wanted):
        return
    with ends_in_order(), _one_at_a_time():
        if _is_current(stamp, wanted):
            return
        if not interpreter_works():
            with step("Making the virtual environment"):
                make_environment()
        with step(f"Installing {requirements}"):
            install(requirements)
        stamp.write_text(wanted)


def fingerprint(requirements: str) -> str:
    """Return a hash of the interpreter's version and of every requirements file."""
    digest = hashlib.sha256(f"{requirements} {sys.version_info[:3]} {sys.platform}".encode())
    for path in sorted([*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def interpreter_works() -> bool:
    """Tell whether `.venv` has a Python of this version that runs; a copied or half-made one does not."""
    python = VENV / "bin" / "python"
    if not python.exists():
        return False
    code = "import sys, pip; print(sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"
    words = [str(python), "-c", code, *map(str, sys.version_info[:2])]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return found.stdout.strip() == "True"


def make_environment() -> None:
    """Make `.venv`; raises Refusal, as where Debian has cut the means for it out of its python3."""
    try:
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    except (subprocess.CalledProcessError, OSError) as problem:
        raise Refusal(
            f"{sys.executable} could not make the virtual environment {VENV}. On Debian and Ubuntu the means for it "
            "are a package of their own: install python3-venv, or name another Python: make demo PYTHON=python3.12.\n"
            f"  ({problem})",
            exit_code=1,
        ) from problem


def install(requirements: str) -> None:
    """Install with pip; its noise goes to a log, and its last lines to the person when it fails."""
    log = VAR / "log" / "pip.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "-r", requirements]
    with log.open("w") as output:
        done = subprocess.run(words, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=os.environ, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise Refusal(
            f"pip could not install {requirements}. Is the network there? The last lines of {log.name} are:\n{tail}",
            exit_code=1,
        )


def _is_current(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted and (VENV / "bin" / "python").exists()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for a set-up that runs already, as when both commands are typed at once in a fresh clone."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
