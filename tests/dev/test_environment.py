from __future__ import annotations

from pathlib import Path

import pytest

from dev import environment
from dev.say import Refusal


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("requirements.txt", "constraints.txt"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    return tmp_path


def test_a_second_set_up_installs_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(environment, "install", installed.append)
    environment.set_up("requirements.txt")
    environment.set_up("requirements.txt")
    assert installed == ["requirements.txt"]


def test_a_changed_requirement_is_installed_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(environment, "install", installed.append)
    environment.set_up("requirements.txt")
    (project / "constraints.txt").write_text("six==1.17.0")
    environment.set_up("requirements.txt")
    assert len(installed) == 2


def test_a_failed_install_shows_pips_last_words_and_is_tried_again(project: Path) -> None:
    (project / "requirements.txt").write_text("-r nowhere.txt")
    for _ in range(2):
        with pytest.raises(Refusal, match=r"pip could not install requirements\.txt(.|\n)*nowhere\.txt"):
            environment.set_up("requirements.txt")


def test_an_old_python_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "OLDEST", (9, 0))
    with pytest.raises(Refusal, match=r"needs Python 3\.11 or newer"):
        environment.set_up("requirements.txt")
