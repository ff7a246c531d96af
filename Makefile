# `make run` and `make test` do all set-up on a fresh machine with python3 (>= 3.11), pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help venv-package run fmt lint type imports test check bench rooms disturb seal lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/run.stamp: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Earshot needs Python 3.11 or newer")'
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV) \
		|| { $(MAKE) --no-print-directory venv-package && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

venv-package:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update && apt-get install --yes python3-venv; \
	else \
		echo "$(PYTHON) cannot make a virtual environment: install its venv module" >&2; \
		echo "(Debian and Ubuntu: sudo apt-get install python3-venv) and run make again." >&2; \
		exit 1; \
	fi

run: $(VENV)/run.stamp ## start everything and play the sample meeting
	@exec $(BIN)/earshot up --demo

fmt: $(VENV)/dev.stamp ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet . || true

lint: $(VENV)/dev.stamp ## ruff, all rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: $(VENV)/dev.stamp ## mypy, strict
	$(BIN)/mypy

imports: $(VENV)/dev.stamp ## who may import whom
	$(BIN)/lint-imports

test: lint type imports ## lint, types, imports and every test
	$(BIN)/pytest -n 4 --dist worksteal

check: test ## same as test

bench: $(VENV)/run.stamp ## the benchmarks, each beside its baseline
	$(BIN)/earshot bench

rooms: $(VENV)/dev.stamp ## fifty bots at once in rooms of the fake, and what each one takes
	ROOMS=50 $(BIN)/pytest --timeout 400 -s tests/e2e/test_daily_many.py

disturb: $(VENV)/dev.stamp ## four context instances under 2,000 events/s, one killed every 5 s for 2 minutes
	DISTURB_SECONDS=120 DISTURB_MARGIN=0.5 $(BIN)/pytest --timeout 900 -s tests/e2e/test_context_disturbed.py

seal: $(VENV)/dev.stamp ## rewrite the sealed schema after a deliberate change
	$(BIN)/python -m contracts.schema

lock: ## pin the dependencies again, with hashes
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements.txt pyproject.toml requirements-build.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml requirements-build.in

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
