from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.kept import kept
from dev.signals import ENDING, ends_in_order, postponed


@pytest.fixture(autouse=True)
def the_tests_own_handlers_come_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_until_a_child_that_is_being_started_is_known() -> None:
    steps = []

    def start() -> None:
        with ends_in_order(), postponed():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("known")

    with pytest.raises(SystemExit) as ending:
        start()
    assert steps == ["known"]
    assert ending.value.code == 143


def test_a_second_signal_does_not_disturb_the_way_out() -> None:
    steps = []

    def work() -> None:
        with ends_in_order():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGINT)
                steps.append("taken down")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["taken down"]


def test_a_signal_that_comes_when_all_is_taken_down_does_not_change_the_exit_code() -> None:
    with pytest.raises(SystemExit) as ending, ends_in_order():
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert ending.value.code == 143


def test_a_launcher_that_was_told_to_outlive_its_terminal_does() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_kept_text_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "password"
    assert kept(path, lambda: "first") == "first"
    assert kept(path, lambda: "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_that_could_not_be_made_leaves_no_empty_file(tmp_path: Path) -> None:
    def fail() -> str:
        raise ValueError

    with pytest.raises(ValueError):
        kept(tmp_path / "password", fail)
    assert kept(tmp_path / "password", lambda: "whole") == "whole"
