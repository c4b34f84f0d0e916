# `make` alone prints this help.
PYTHON ?= python3
VENV_PYTHON = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="…" is passed on: make demo ARGS=--once, make test ARGS="tests/crm -k mapping"'

setup: ## make the virtual environment with everything for development
	@$(PYTHON) -m dev setup requirements-dev.txt

demo: ## run everything against the bundled sandbox (PORT, SANDBOX_PORT move it)
	@$(PYTHON) -m dev setup requirements-local.txt
	@exec $(VENV_PYTHON) -m dev demo $(ARGS)

test: setup ## run the tests on real PostgreSQL and a Redis-compatible server
	@exec $(VENV_PYTHON) -m dev run --test -- $(VENV_PYTHON) -m pytest -n 2 --cov --cov-report=term:skip-covered $(ARGS)

check: setup ## lint, types, import contracts, missing migrations, deployment settings
	@exec $(VENV_PYTHON) -m dev run --test -- bash dev/check.sh

bench: setup ## print the benchmarks, with the limit of the machine beside each figure
	@exec $(VENV_PYTHON) -m dev run --test -- $(VENV_PYTHON) -m tests.benchmarks $(ARGS)

clean: ## remove what was made: environment, local databases, caches
	@if $(VENV_PYTHON) -c 'import psycopg, redis' 2>/dev/null; then $(VENV_PYTHON) -m dev clean; fi
	@rm -rf .venv var .mypy_cache .ruff_cache .hypothesis .pytest_cache .coverage .coverage.*
