"""The ground under `make demo` and `make test`: a virtual environment, a database, a broker, and the demo itself.

Nothing in production imports this package. `python -m dev setup` runs on the standard library alone; the rest runs
in the virtual environment that it makes. This file alone must be readable by any Python 3, so that an old one is
refused in words and not with a syntax error.
"""

import sys

OLDEST = (3, 11)


def refusal_of(version: "tuple[int, ...]") -> str:
    """Return the sentence that refuses a Python version, "" for one that will do."""
    if version >= OLDEST:
        return ""
    return (
        "TaxPoynt needs Python 3.11 or newer, and this python3 is {}. "
        "Install a newer one, or name it: make demo PYTHON=python3.12."
    ).format(".".join(str(part) for part in version))


if refusal_of(sys.version_info[:3]):
    sys.stderr.write(refusal_of(sys.version_info[:3]) + "\n")
    sys.exit(2)
