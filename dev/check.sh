#!/usr/bin/env bash
# Every check runs, and the script fails when one did.
set -u
failed=0
run() {
  echo "── $1"
  shift
  "$@" || failed=1
}
run "lint" ruff check .
run "format" ruff format --check --quiet .
run "types" mypy accounts integrations invoices crm pos taxpoynt sandbox dev
run "import contracts" lint-imports --no-cache
run "missing migrations" python manage.py makemigrations --check --dry-run
run "deployment settings" env PUBLIC_URL=https://taxpoynt.example TAXPOYNT_ENVIRONMENT=production DEBUG=false \
  python manage.py check --deploy --fail-level WARNING
if [ "$failed" = 0 ]; then echo "All checks passed."; else echo "A check failed: its output is above."; fi
exit "$failed"
