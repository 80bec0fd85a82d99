# towpath. `make help` says what each target does.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

RUN := .venv/bin/python -m
PYTEST := $(RUN) pytest --numprocesses auto --maxprocesses 4 --dist loadgroup
ARGS ?=

.PHONY: help
help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: install
install: ## Set up .venv from the lock (uv when present, else pip); quick when nothing changed
	@.ci/install

.PHONY: demo
demo: install ## Walk the whole path, from an empty folder to a monitored service (DIR=folder, ARGS=--keep)
	@$(RUN) towpath.demo $(DIR) $(ARGS)

.PHONY: test
test: lint ## Run everything that CI runs: lint, types, contracts and every test (ARGS="-k word")
	@mkdir -p build
	$(PYTEST) --junitxml=build/tests.xml $(ARGS)

.PHONY: test-fast
test-fast: install ## Run the tests that need no server, container, browser or whole pipeline
	$(PYTEST) -m "not slow" $(ARGS)

.PHONY: lint
lint: install ## Check style, format, types and the floors between the rooms
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	.venv/bin/lint-imports

.PHONY: format
format: install ## Put the sources into their format
	$(RUN) ruff check --fix --exit-zero --quiet .
	$(RUN) ruff format .

.PHONY: help-blocks
help-blocks: install ## Write what --help says into the documents that quote it
	@.venv/bin/python docs/help_blocks.py

.PHONY: lock
lock: ## Renew both locks from pyproject.toml (needs uv; UPGRADE=1 takes newer versions)
	@.ci/lock

.PHONY: templates
templates: install ## Compare the templates with their bundles (ARGS="build coding 1.1.0" makes a version)
	@.venv/bin/python templates/bundle.py $(or $(ARGS),check)

.PHONY: store-template
store-template: install ## Build the empty registry that a first use copies, with the pinned MLflow
	@.venv/bin/python registry/make_empty_store.py

.PHONY: bench
bench: install ## Measure each published figure against its peers and write benchmarks/results (ARGS=--quick)
	@for script in benchmarks/[a-z]*.py; do .venv/bin/python "$$script" $(ARGS); done

.PHONY: wheelhouse
wheelhouse: install ## Download the wheels that an image is built from, so that the build needs no network
	@.venv/bin/python .ci/wheelhouse.py

.PHONY: clean
clean: ## Remove .venv, caches and build results; demo folders and models stay
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find platform checks registry templates tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
