from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dev.environment import ROOT
from taxpoynt.logging import mask_secrets, mask_text

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def manage(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the environment of this test run, but for what is given; "" unsets."""
    environment = {**os.environ, "SECRET_KEY": "x" * 50, "CREDENTIAL_KEYS": KEY, **variables}
    environment = {name: value for name, value in environment.items() if value}
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE_URL", "sqlite:///db.sqlite3", "names a sqlite database, and TaxPoynt runs on PostgreSQL only"),
        ("DATABASE_URL", "mysql://u@127.0.0.1/x", "names a mysql database"),
        ("DATABASE_URL", "", "DATABASE_URL is not set"),
        ("CREDENTIAL_KEYS", "", "CREDENTIAL_KEYS is not set"),
        ("SECRET_KEY", "", "SECRET_KEY is not set"),
    ],
)
def test_a_start_that_cannot_be_is_refused_with_a_sentence(variable: str, value: str, words: str) -> None:
    done = manage("migrate", **{variable: value})
    assert done.returncode == 2
    assert done.stderr.startswith("TaxPoynt cannot start:")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_told_with_a_sentence() -> None:
    done = manage("migrate", DATABASE_URL="postgresql://nobody:secret@127.0.0.1:9/none")
    assert done.returncode == 3
    assert done.stderr.startswith("The database did not answer")
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer canary-token",
        'body {"access_token": "canary-token", "x": 1}',
        "refresh_token=canary-token&grant_type=refresh_token",
        "/oauth/complete/hubspot/?code=canary-token&state=abc",
    ],
)
def test_a_log_line_never_shows_a_credential(text: str) -> None:
    assert "canary-token" not in mask_text(text)
    masked = mask_secrets(None, "info", {"event": text, "api_key": "canary-token", "note": text})
    assert "canary-token" not in str(masked)


def test_ordinary_words_are_left_alone_in_a_log_line() -> None:
    text = "sync of connection 12 ended: 250 deals read"
    assert mask_text(text) == text
