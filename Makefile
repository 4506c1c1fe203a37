# Everything a developer does, each behind one word: `make help` lists them.
#
# The first of them that is called sets up an environment in .venv by itself; it is made again when pyproject.toml
# changes. Another Python than the first that is new enough: make PYTHON=python3.13 VENV=.venv313 test

VENV ?= .venv
# an environment to use netlake in, and one to work on it
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
BIN := $(VENV)/bin
NETLAKE := $(BIN)/netlake
CAPTURES ?= ../shared/captures
REPORT ?= docs/comparison.md
ARGUMENTS ?=
# the questions that the demonstration asks, files of queries/
QUESTIONS := who_knocks_at_closed_doors who_calls_home what_was_lost

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format types contracts generate fresh bench compare robust mutate clean

help: ## List what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(READY) ## Decode the bundled capture into ./demo/lake and ask it three questions
	@rm -rf demo
	$(NETLAKE) capture tests/captures/demo.pcapng --lake demo/lake --proto
	$(NETLAKE) tables --lake demo/lake
	@for name in $(QUESTIONS); do \
	  printf '\n%s\n' "$$(sed -n 's/^-- //p' queries/$$name.sql)"; \
	  $(NETLAKE) sql - --lake demo/lake <queries/$$name.sql || exit; \
	done
	@printf '\nThe lake stays in demo/lake. Ask it more: %s sql "FROM connection" --lake demo/lake\n' $(NETLAKE)

test: $(TOOLS) ## Run the tests
	@$(BIN)/python -m netlake.kernels.warm
	@$(BIN)/pytest -n auto $(ARGUMENTS)

check: lint types contracts fresh ## Lint, formatting, types, import contracts, generated files

lint: $(TOOLS) ## Lint and formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

format: $(TOOLS) ## Format and mend what the linter can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

types: $(TOOLS) ## Check types
	@$(BIN)/mypy

contracts: $(TOOLS) ## Check which package may import which
	@$(BIN)/lint-imports

generate: $(READY) ## Write schemas/ and proto/ from the declarations of tables
	@$(NETLAKE) util generate

fresh: $(TOOLS) ## Check that generated files are those that would be generated
	@$(BIN)/pytest tests/test_generated.py

bench: $(READY) ## Measure speed and memory on a capture of a million packets
	@$(BIN)/python -m tests.bench $(ARGUMENTS)

compare: $(TOOLS) ## Compare every field with what tshark says of ../shared/captures, and write docs/comparison.md
	@$(BIN)/python -m tests.compare $(CAPTURES) --report $(REPORT) $(ARGUMENTS)

robust: $(TOOLS) ## Decode every one of ../shared/captures whole, cut at 50 places and with bytes changed
	@$(BIN)/python -m tests.robust $(CAPTURES) $(ARGUMENTS)

mutate: $(TOOLS) ## Put faults into the readers of protocols, and count those that their cases notice
	@$(BIN)/python -m tests.mutate $(ARGUMENTS)

clean: ## Remove the environment, the demonstration and caches
	rm -rf $(VENV) demo bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# byte code is written at once, 10 s: where PYTHONDONTWRITEBYTECODE is set, each later start would take 0.6 s more
define SETUP
	@python="$(PYTHON)"; \
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	  [ -n "$$python" ] && break; \
	  $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$$candidate; \
	done; \
	if [ -z "$$python" ] || ! $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "netlake needs Python 3.11 or newer: install one, or name it with make PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "Python's venv module is missing: install it (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; \
	fi; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV) || exit; \
	echo "Setting up $(VENV), once; a minute or so ..." >&2; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '$(1)' && \
	$(BIN)/python -m compileall -q netlake
endef

$(READY): pyproject.toml
	$(call SETUP,.)
	@touch $@

$(TOOLS): pyproject.toml
	$(call SETUP,.[dev])
	@touch $(READY) $@
