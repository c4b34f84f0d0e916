"""Small texts that are made once and kept: a password, keys, the name of a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return the text of a file; made first, whole or not at all and readable by us alone, when there is none."""
    if not path.exists():
        making = path.with_suffix(f".{os.getpid()}")
        making.touch(mode=0o600)
        making.write_text(make())
        making.replace(path)
    return path.read_text()
