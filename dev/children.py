"""Processes that we start: each in a session of its own, ended as a whole, and found again after a hard death."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Any


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return True
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def command_of(pid: int) -> str:
    """Return the command line of a process, "" when it cannot be told."""
    path = Path(f"/proc/{pid}/cmdline")
    if path.exists():
        with contextlib.suppress(OSError):
            return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def end_process(pid: int, first: signal.Signals, patience: float = 10.0, *, group: bool = False) -> None:
    """Ask a process to end, and kill it when it has not after `patience` seconds."""
    send = os.killpg if group else os.kill
    for number in (first, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, number)
        deadline = time.monotonic() + patience
        while is_alive(pid) and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.05)
        if not is_alive(pid):
            break
    if group:
        # The leader is gone; whoever of its group is left must not outlive it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


class PidFile:
    """Remembers a child across our own death, so that the next start can end an orphan and nobody else's process."""

    def __init__(self, path: Path, marker: str) -> None:
        self.path = path
        self.marker = marker

    def write(self, pid: int) -> None:
        """Remember."""
        self.path.write_text(str(pid))

    def forget(self) -> None:
        """Forget."""
        self.path.unlink(missing_ok=True)

    def end_orphan(self, first: signal.Signals = signal.SIGTERM, *, group: bool = False) -> None:
        """End the remembered process if it still runs and still is what it was."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.path.read_text())
            if is_alive(pid) and self.marker in command_of(pid):
                end_process(pid, first, group=group)
        self.forget()


class Child:
    """A server that we started, with its output in a log file."""

    def __init__(self, name: str, words: list[str], *, log: Path, env: dict[str, str], **options: Any) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._output: IO[bytes] = log.open("wb")
        self.process = subprocess.Popen(
            words,
            env=env,
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to us alone; we end the others in their order
            **options,
        )

    def has_ended(self) -> bool:
        """Tell whether it ended by itself."""
        return self.process.poll() is not None

    def last_lines(self, count: int = 8) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def end(self, first: signal.Signals = signal.SIGTERM, patience: float = 10.0, *, group: bool = True) -> None:
        """End it and whatever it started."""
        end_process(self.process.pid, first, patience, group=group)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self._output.close()
