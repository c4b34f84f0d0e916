#!/usr/bin/env python
"""Run an administrative command."""

import os
import sys


def main() -> int:
    """Run the command line; expected refusals end with a sentence and no traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxpoynt.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        print(f"TaxPoynt cannot start: {problem}", file=sys.stderr)
        return 2
    except OperationalError as problem:
        print(
            "The database did not answer, so nothing was changed by this step. "
            f"Check that PostgreSQL runs and that DATABASE_URL points to it.\n  ({str(problem).strip()})",
            file=sys.stderr,
        )
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
