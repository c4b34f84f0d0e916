"""The virtual environment: made once, and again whenever a requirements file or the interpreter changes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from dev.say import Refusal, step

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def set_up(requirements: str) -> None:
    """Make `.venv` and install a requirements file into it, unless that was done already; raises Refusal."""
    if sys.version_info < OLDEST:
        raise Refusal(
            f"TaxPoynt needs Python 3.11 or newer, and this python3 is {sys.version.split()[0]}. "
            "Install a newer one, or name it: make demo PYTHON=python3.12."
        )
    stamp = VENV / f".installed-{requirements}"
    wanted = fingerprint(requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if not interpreter_works():
        with step("Making the virtual environment"):
            venv.create(VENV, with_pip=True, clear=VENV.exists())
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


def install(requirements: str) -> None:
    """Install with pip; its noise goes to a log, and its last lines to the person when it fails."""
    log = ROOT / "var" / "log" / "pip.log"
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
