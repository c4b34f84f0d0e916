from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from dev.children import command_of, is_alive
from dev.environment import ROOT
from dev.ports import Ports, check_free
from dev.postgres import Postgres
from dev.say import Refusal
from dev.stack import check_database_url

# Brings a stack up in a folder of its own, tells its addresses, and stays.
LAUNCHER = """
import sys
from pathlib import Path
from dev.stack import stack
from dev.say import Refusal
try:
    with stack("test", durable=False, home=Path(sys.argv[1])) as environment:
        print(environment["DATABASE_URL"], environment["REDIS_URL"], flush=True)
        sys.stdin.read()
except Refusal as refusal:
    print(refusal, flush=True)
    sys.exit(refusal.exit_code)
"""


def launch(home: Path, **variables: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(home)],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def finish(process: subprocess.Popen[str]) -> int:
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    return process.wait(40)


def servers_of(home: Path) -> list[int]:
    """Return the database and the broker that run on this home's files."""
    found = []
    data = next(iter(Postgres(home, durable=False).data.glob("postmaster.pid")), None)
    if data:
        found.append(int(data.read_text().split()[0]))
    broker = home / "broker.pid"
    if broker.exists():
        found.append(int(broker.read_text()))
    return [pid for pid in found if is_alive(pid)]


def test_kill_leaves_no_server_behind(tmp_path: Path) -> None:
    process = launch(tmp_path)
    url = first_line(process).split()[0]
    psycopg.connect(url).close()
    servers = servers_of(tmp_path)
    assert len(servers) == 2
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)  # somebody is impatient
    assert finish(process) == 143
    assert [pid for pid in servers if is_alive(pid)] == []


def test_a_start_after_a_hard_death_ends_the_orphans_and_keeps_the_data(tmp_path: Path) -> None:
    process = launch(tmp_path)
    url = first_line(process).split()[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    orphans = servers_of(tmp_path)
    process.kill()
    finish(process)
    assert len([pid for pid in orphans if is_alive(pid)]) == 2
    again = launch(tmp_path)
    url = first_line(again).split()[0]
    try:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT * FROM kept")
        assert [pid for pid in orphans if is_alive(pid)] == []
    finally:
        again.terminate()
        finish(again)


def test_two_launchers_on_one_folder_are_told_apart(tmp_path: Path) -> None:
    first = launch(tmp_path)
    first_line(first)
    second = launch(tmp_path)
    try:
        assert first_line(second).startswith("Another launcher is already running")
        assert finish(second) == 2
    finally:
        first.terminate()
        finish(first)


def test_a_given_database_and_broker_are_used_and_nothing_starts(tmp_path: Path) -> None:
    process = launch(tmp_path, DATABASE_URL="postgresql://u@127.0.0.1:1/x", REDIS_URL="redis://127.0.0.1:1/0")
    assert first_line(process) == "postgresql://u@127.0.0.1:1/x redis://127.0.0.1:1/0"
    assert finish(process) == 0
    assert not (tmp_path / "broker").exists()
    assert not (tmp_path / "postgres.id").exists()


@pytest.mark.parametrize("url", ["sqlite:///db.sqlite3", "mysql://u@127.0.0.1/x", "taxpoynt"])
def test_anything_but_postgresql_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(Refusal, match="runs on PostgreSQL only: its row locks"):
        check_database_url(url)


def test_a_port_in_use_is_a_sentence_that_names_the_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refusal, match=rf"Port {port} is in use.*PORT={port + 1} make demo"):
            check_free(port, "PORT", "the web server")


def test_a_port_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(Refusal, match="PORT is “http”, which is not a port"):
        Ports.from_environment()


def test_the_demo_with_a_port_in_use_ends_without_a_traceback() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [sys.executable, "-m", "dev", "demo", "--once"]
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            words, cwd=ROOT, env={**os.environ, "PORT": port}, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Port {port} is in use")
    assert "Traceback" not in done.stderr


def test_a_fresh_clone_never_meets_an_old_database(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Postgres(tmp_path / "a", durable=False).data.name != Postgres(tmp_path / "b", durable=False).data.name


def test_a_process_that_has_died_is_not_alive_even_as_a_zombie() -> None:
    process = subprocess.Popen(["sleep", "60"])
    time.sleep(0.2)  # until the fork has become the command
    assert is_alive(process.pid)
    assert "sleep" in command_of(process.pid)
    process.kill()
    time.sleep(0.2)
    assert not is_alive(process.pid)
    process.wait()
