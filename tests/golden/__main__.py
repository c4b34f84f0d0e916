"""`python -m tests.golden --write` writes what the cases come to now; look at the difference before it is kept."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxpoynt.settings")
django.setup()

from tests.golden.cases import CASES  # noqa: E402 - after Django is set up
from tests.golden.making import FILES, outcome, written  # noqa: E402


def main() -> int:
    """Write every file anew, and drop those without a case; without `--write` only say which differ."""
    is_writing = "--write" in sys.argv[1:]
    differing = 0
    for path in FILES.glob("*.json"):
        if path.stem not in {case.name for case in CASES}:
            print(f"no case: {path.name}")
            differing += 1
            if is_writing:
                path.unlink()
    for case in CASES:
        path, text = FILES / f"{case.name}.json", written(outcome(case))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"differs: {path.name}")
            differing += 1
            if is_writing:
                path.write_text(text, encoding="utf-8")
    return 0 if is_writing or not differing else 1


if __name__ == "__main__":
    sys.exit(main())
