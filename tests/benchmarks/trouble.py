"""Trouble: a broker flushed, killed and away, workers killed and cut off. The tests of it, at a greater size."""

from __future__ import annotations

import os
import subprocess
import sys

TESTS = ("tests/queues/test_tills.py", "tests/queues/test_cut_off.py", "tests/queues/test_hand_in.py")


def run(sales: int, away: int) -> None:
    """Run the tests with so many sales each and the broker away for so many seconds; print what they tell.

    Raises RuntimeError when one of them fails.
    """
    print(f"Trouble, {sales} sales a test, the broker away for {away} s:", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *TESTS, "-q", "-s", "-p", "no:randomly", "-p", "no:cacheprovider"],
        env=os.environ | {"TROUBLE_SALES": str(sales), "TROUBLE_AWAY": str(away)},
        capture_output=True,
        text=True,
        check=False,
    )
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("  ") and " (at most " in line))
    print(f"  {done.stdout.strip().splitlines()[-1]}")
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:])
