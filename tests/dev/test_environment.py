from __future__ import annotations

import ast
import fcntl
import subprocess
import threading
from pathlib import Path

import pytest

import dev
from dev import environment
from dev.say import Refusal


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("requirements.txt", "constraints.txt"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "VAR", tmp_path / "var")
    return tmp_path


@pytest.fixture
def installed(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was installed, into an environment without a pip: making one with it takes seconds."""
    names: list[str] = []
    monkeypatch.setattr(environment, "install", names.append)
    monkeypatch.setattr(environment, "make_environment", lambda: environment.venv.create(environment.VENV))
    return names


def test_a_second_set_up_installs_nothing(installed: list[str]) -> None:
    environment.set_up("requirements.txt")
    environment.set_up("requirements.txt")
    assert installed == ["requirements.txt"]


def test_a_changed_requirement_is_installed_again(project: Path, installed: list[str]) -> None:
    environment.set_up("requirements.txt")
    (project / "constraints.txt").write_text("six==1.17.0")
    environment.set_up("requirements.txt")
    assert len(installed) == 2


def test_a_failed_install_shows_pips_last_words_and_is_tried_again(project: Path) -> None:
    (project / "requirements.txt").write_text("-r nowhere.txt")
    for _ in range(2):
        with pytest.raises(Refusal, match=r"pip could not install requirements\.txt(.|\n)*nowhere\.txt"):
            environment.set_up("requirements.txt")


def test_a_set_up_that_another_one_finished_meanwhile_is_not_done_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.VAR.mkdir()
    stamp = environment.VENV / ".installed-requirements.txt"
    with (environment.VAR / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Timer(
            0.3, lambda: (stamp.write_text(environment.fingerprint("requirements.txt")), lock.close())
        )
        (environment.VENV / "bin").mkdir(parents=True)
        (environment.VENV / "bin" / "python").touch()
        monkeypatch.setattr(environment, "install", lambda _: pytest.fail("installed twice"))
        second.start()
        environment.set_up("requirements.txt")
        second.join()


def test_a_python_that_cannot_make_an_environment_is_told_with_what_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, ["python", "-m", "ensurepip"])

    monkeypatch.setattr(environment.venv, "create", create)
    with pytest.raises(Refusal, match="install python3-venv"):
        environment.set_up("requirements.txt")


@pytest.mark.parametrize("version", [(3, 6, 8), (3, 10, 13)])
def test_an_old_python_is_refused_in_words(version: tuple[int, ...]) -> None:
    assert dev.refusal_of(version).startswith("TaxPoynt needs Python 3.11 or newer, and this python3 is 3.")


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 13, 0), (4, 0, 0)])
def test_a_newer_python_is_not_refused(version: tuple[int, ...]) -> None:
    assert dev.refusal_of(version) == ""


def test_an_old_python_can_read_the_file_that_refuses_it() -> None:
    source = Path(dev.__file__).read_text()
    assert "__future__" not in source
    ast.parse(source, feature_version=(3, 6))
