from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
import redis

from dev.children import command_of, is_alive
from dev.environment import ROOT
from dev.postgres import Postgres, open_folder, other_user
from dev.say import Refusal
from dev.services import end_orphans
from dev.stack import check_database_url
from tests.dev.conftest import Launch

# Tells its addresses and stays.
SHOW = "import os, time; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'], flush=True); time.sleep(60)"
GIVEN = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
STAY = ("run", "--test", "--", sys.executable, "-c", SHOW)


def addresses(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    database, broker = process.stdout.readline().split()
    return database, broker


def servers_of(home: Path) -> list[int]:
    """Return the database and the broker that run on this home's files."""
    files = [*home.glob("broker.pid"), *Postgres(home, durable=False).data.glob("postmaster.pid")]
    return [pid for path in files if is_alive(pid := int(path.read_text().split()[0]))]


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in found.stdout.splitlines()]
    return [child for child, parent in pairs if parent == pid and "ps -A" not in command_of(child)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_kill_and_a_closed_terminal_leave_no_process_behind(
    launch: Launch, tmp_path: Path, number: signal.Signals
) -> None:
    process = launch(*STAY)
    database, broker = addresses(process)
    psycopg.connect(database).close()
    with redis.Redis.from_url(broker) as client:
        assert client.config_get("appendonly", "maxmemory-policy") == {
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
        }
    started = children_of(process.pid)
    assert set(servers_of(tmp_path / "test")) < set(started)
    assert len(started) == 3
    process.send_signal(number)
    time.sleep(0.3)  # a busy machine may deliver two signals at once, and the second first
    process.send_signal(signal.SIGINT)  # somebody is impatient
    assert process.wait(40) == 128 + number
    assert [pid for pid in started if is_alive(pid)] == []


def test_a_start_after_a_hard_death_ends_the_orphans_and_keeps_the_data(launch: Launch, tmp_path: Path) -> None:
    process = launch(*STAY)
    database, _ = addresses(process)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    orphans = servers_of(tmp_path / "test")
    command = next(pid for pid in children_of(process.pid) if pid not in orphans)
    process.kill()
    process.wait()
    os.kill(command, signal.SIGKILL)
    assert len([pid for pid in orphans if is_alive(pid)]) == 2
    database, _ = addresses(launch(*STAY))
    with psycopg.connect(database) as connection:
        connection.execute("SELECT * FROM kept")
    assert [pid for pid in orphans if is_alive(pid)] == []


def test_two_launchers_on_one_folder_are_told_apart_and_neither_is_its_cleaning(launch: Launch) -> None:
    addresses(launch(*STAY))
    for words in (STAY, ("clean",)):
        second = launch(*words)
        assert second.communicate(timeout=60)[0].startswith("Another launcher is already running from var/test")
        assert second.returncode == 2


def test_a_command_finds_both_servers_and_its_exit_code_is_ours_and_cleaning_leaves_no_file(
    launch: Launch, tmp_path: Path
) -> None:
    program = "import os, sys; sys.exit(7 if os.environ['DATABASE_URL'] and os.environ['CREDENTIAL_KEYS'] else 0)"
    assert launch("run", "--test", "--", sys.executable, "-c", program).wait(60) == 7
    data = Postgres(tmp_path / "test", durable=False).data
    assert data.exists()
    assert (tmp_path / "test" / "keys.json").stat().st_mode & 0o077 == 0
    assert launch("clean").wait(60) == 0
    assert not data.exists()
    assert not (tmp_path / "test").exists()


def test_a_given_database_and_broker_are_used_and_nothing_starts(launch: Launch, tmp_path: Path) -> None:
    process = launch(*STAY, **GIVEN)
    assert addresses(process) == (GIVEN["DATABASE_URL"], GIVEN["REDIS_URL"])
    assert not (tmp_path / "test" / "broker").exists()
    assert not (tmp_path / "test" / "postgres.id").exists()
    assert len(children_of(process.pid)) == 1


def test_a_command_that_a_signal_ended_has_the_exit_code_that_shells_give_it(launch: Launch) -> None:
    process = launch("run", "--", "bash", "-c", "kill -9 $$", **GIVEN)
    assert process.wait(60) == 137


def test_a_command_that_is_not_there_is_refused_in_words(launch: Launch) -> None:
    process = launch("run", "--", "no-such-command", **GIVEN)
    assert process.communicate(timeout=60)[0] == "There is no command no-such-command.\n"
    assert process.returncode == 127


def test_a_proxy_of_the_environment_is_kept_out_of_this_machine(launch: Launch) -> None:
    program = "import os; print(os.environ['no_proxy'])"
    process = launch("run", "--", sys.executable, "-c", program, **GIVEN, NO_PROXY="intranet.example", no_proxy="")
    assert process.communicate(timeout=60)[0].strip() == "intranet.example,127.0.0.1,localhost"


@pytest.mark.parametrize("url", ["sqlite:///db.sqlite3", "mysql://u@127.0.0.1/x", "taxpoynt"])
def test_anything_but_postgresql_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(Refusal, match="runs on PostgreSQL only: its row locks"):
        check_database_url(url)


def test_a_fresh_clone_never_meets_an_old_database(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Postgres(tmp_path / "a", durable=False).data.name != Postgres(tmp_path / "b", durable=False).data.name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_a_folder_of_somebody_else_at_our_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "taxpoynt-987654").mkdir()
        monkeypatch.setattr("tempfile.gettempdir", lambda: folder)
        monkeypatch.setattr("os.getuid", lambda: 987654)
        with pytest.raises(Refusal, match="somebody else's"):
            open_folder(other_user())


def test_a_process_that_has_died_is_not_alive_even_as_a_zombie() -> None:
    process = subprocess.Popen(["sleep", "60"])
    time.sleep(0.2)  # until the fork has become the command
    assert is_alive(process.pid)
    assert "sleep" in command_of(process.pid)
    process.kill()
    time.sleep(0.2)
    assert not is_alive(process.pid)
    process.wait()


def test_orphans_of_a_demo_are_ended_and_strangers_with_their_number_are_not(tmp_path: Path) -> None:
    orphan, stranger = (subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2))
    try:
        time.sleep(0.2)
        known = [(orphan.pid, "sleep 60"), (stranger.pid, "-m gunicorn taxpoynt.wsgi")]
        (tmp_path / "pids.json").write_text(json.dumps(known))
        end_orphans(tmp_path)
        assert not is_alive(orphan.pid)
        assert is_alive(stranger.pid)
        assert not (tmp_path / "pids.json").exists()
    finally:
        stranger.kill()
        stranger.wait()
        orphan.wait()


def test_a_stack_without_its_packages_says_what_to_run() -> None:
    bare = subprocess.run(
        [sys.executable, "-S", "-m", "dev", "run", "--", "true"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert bare.returncode == 2
    assert "Run make setup" in bare.stderr
    assert "Traceback" not in bare.stderr
