# Targets for developers; `make help` lists them.
#
# The first target that runs creates a virtual environment in .venv; it is updated when pyproject.toml changes. By default
# the first Python found that is new enough is used; choose another with: make PYTHON=python3.13 VENV=.venv313 test

VENV ?= .venv
# stamps of the environment: READY with the dependencies of netlake, TOOLS with those for development too
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
BIN := $(VENV)/bin
NETLAKE := $(BIN)/netlake
CAPTURES ?= ../shared/captures
LABELLED ?= ../shared/labelled
REPORT ?= docs/comparison.md
ARGUMENTS ?=
MINUTES ?= 10
# saved queries that `make demo` runs
QUESTIONS := closed_ports beacons retransmissions

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format types contracts generate fresh bench compare robust connections follow objects lake-proof fuzz soak mutate exam calibrate notebooks clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(READY) ## Decode the bundled capture into ./demo/lake and run three queries
	@rm -rf demo
	$(NETLAKE) capture tests/captures/demo.pcapng --lake demo/lake --proto
	$(NETLAKE) tables --lake demo/lake
	@for name in $(QUESTIONS); do \
	  printf '\n%s\n' "$$(sed -n '1,2s/^-- //p' netlake/queries/$$name.sql)"; \
	  $(NETLAKE) query $$name --lake demo/lake || exit; \
	done
	@printf '\nThe lake is in demo/lake. Query it with: %s sql "FROM connection" --lake demo/lake\n' $(NETLAKE)

test: $(TOOLS) ## Run the tests
	@$(BIN)/python -m netlake.kernels.warm
	@$(BIN)/pytest -n auto $(ARGUMENTS)

check: lint types contracts fresh ## Check lint, formatting, types, import contracts and generated files

lint: $(TOOLS) ## Check lint and formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

format: $(TOOLS) ## Format, and fix what the linter can fix
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

types: $(TOOLS) ## Check types
	@$(BIN)/mypy

contracts: $(TOOLS) ## Check the import contracts
	@$(BIN)/lint-imports

generate: $(READY) ## Write schemas/ and proto/ from the declared tables
	@$(NETLAKE) util generate

fresh: $(TOOLS) ## Check that the generated files are up to date
	@$(BIN)/pytest tests/test_generated.py

bench: $(READY) ## Measure speed and memory on three captures, compared with other programs, and of labelling
	@$(BIN)/python -m tests.bench --labelled $(LABELLED) $(ARGUMENTS)
	@$(BIN)/python -m tests.bench.labels

compare: $(TOOLS) ## Compare every field with tshark on the captures in CAPTURES, and write docs/comparison.md
	@$(BIN)/python -m tests.compare $(CAPTURES) --report $(REPORT) $(ARGUMENTS)

robust: $(TOOLS) ## Decode the captures in CAPTURES complete, truncated at 50 offsets and with bytes changed
	@$(BIN)/python -m tests.robust $(CAPTURES) $(ARGUMENTS)

connections: $(TOOLS) ## Count TCP connections of the captures in CAPTURES with dpkt, and compare them with `connection`
	@$(BIN)/python -m tests.flows.count $(CAPTURES) $(ARGUMENTS)

follow: $(TOOLS) ## Compare the bytes of TCP streams with those of tshark on the captures in CAPTURES
	@$(BIN)/python -m tests.streams.follow $(CAPTURES) $(ARGUMENTS)

objects: $(TOOLS) ## Compare files of streams with those that tshark exports from the captures in CAPTURES, and write docs/objects.md
	@$(BIN)/python -m tests.streams.objects $(CAPTURES) --report docs/objects.md $(ARGUMENTS)

lake-proof: $(TOOLS) ## Print files and bytes of lakes of small captures before and after compaction, and count commits of concurrent writers
	@$(BIN)/python -m tests.lake.proof $(CAPTURES) $(ARGUMENTS)

fuzz: $(TOOLS) ## Fuzz everything that reads input for MINUTES minutes in all; findings are in ./fuzz/findings
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGUMENTS)

soak: $(TOOLS) ## Print what streams that never end a line cost each protocol, for n, 2n and 4n bytes
	@$(BIN)/python -m tests.streams.endless $(ARGUMENTS)

mutate: $(TOOLS) ## Change the code of readers at one place at a time; fail if the test cases miss too many changes
	@$(BIN)/python -m tests.mutate $(ARGUMENTS)

exam: $(TOOLS) ## Answer the questions of the scenarios in LABELLED with saved queries; fail below 90 % of the points
	@$(BIN)/python -m tests.exam $(LABELLED) $(ARGUMENTS)

calibrate: $(TOOLS) ## Run the saved queries on captures in CAPTURES and LABELLED, and write the table of docs/queries.md
	@$(BIN)/python -m tests.calibrate $(CAPTURES) --labelled $(LABELLED) --report tests/calibrate/report.md $(ARGUMENTS)
	@$(BIN)/python -c "from tests import docs; docs.QUERIES.write_text(docs.queries_page(), encoding='utf-8')"

notebooks: $(TOOLS) ## Run the notebooks and write docs/notebooks/
	@$(BIN)/python notebooks/export.py

clean: ## Remove the environment, ./demo and caches
	rm -rf $(VENV) demo bench fuzz .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Compile byte code now (10 s): with PYTHONDONTWRITEBYTECODE set, every start would otherwise take 0.6 s longer.
define SETUP
	@python="$(PYTHON)"; \
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	  [ -n "$$python" ] && break; \
	  $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$$candidate; \
	done; \
	if [ -z "$$python" ] || ! $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "netlake needs Python 3.11 or newer: install it, or choose one with make PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "Python's venv module is missing: install it (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; \
	fi; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV) || exit; \
	echo "Creating $(VENV) (about a minute, only once) ..." >&2; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '$(1)' && \
	$(BIN)/python -m compileall -q netlake
endef

$(READY): pyproject.toml
	$(call SETUP,.)
	@touch $@

$(TOOLS): pyproject.toml
	$(call SETUP,.[dev])
	@touch $(READY) $@
