# Everything starts here: `make` alone lists the commands. Needs python3 (3.11 or newer) with venv.

PYTHON ?= python3
BIN := .venv/bin
SET_UP := $(PYTHON) scripts/set_up.py
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command 'make requirements' --extra charts --extra embedded --extra jwt --extra uvloop

.DEFAULT_GOAL := help
.PHONY: help setup demo test golden check bench bench-render bench-peers bench-scale bench-demo image requirements clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with .venv/bin/jobqueue; get Chromium and fonts where they are missing
	@$(SET_UP)

demo: setup ## Make one real PDF report through the whole system: demo-output/invoice.pdf
	@$(BIN)/jobqueue demo

test: ## Run the tests; some of them: make test ARGS="tests/unit -k retry"
	@$(SET_UP) --dev
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

golden: ## Take documents that look otherwise now for right, after a look at what changed
	@$(SET_UP) --dev
	$(BIN)/pytest tests/golden --accept $(ARGS)
	git status --short tests/golden

check: ## Look for what tools can find: style, types, layers, hosts in requirements
	@$(SET_UP) --dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	! grep -n '://' requirements*.txt
	for script in .ci/run scripts/*.sh; do bash -n "$$script" || exit 1; done

bench: ## Measure the queue and the rendering beside their raw limits, in one run
	@$(SET_UP) --dev
	$(BIN)/python -m tests.benchmarks.queue
	$(BIN)/python -m tests.benchmarks.pdf_throughput

bench-render: ## Measure rendering beside raw loops, under load, and over 2000 documents
	@$(SET_UP) --dev
	$(BIN)/python -m tests.benchmarks.render $(ARGS)

bench-peers: ## Measure the queue beside BullMQ, SAQ, arq and streaq, in one run
	@$(SET_UP) --dev
	$(BIN)/python -m tests.benchmarks.comparison $(ARGS)

bench-scale: ## See whether a million jobs slow any script down
	@$(SET_UP) --dev
	$(BIN)/python -m tests.benchmarks.scale $(ARGS)

bench-demo: ## Send 10 000 jobs, a fifth of them failing, to three workers; replay the dead
	@$(SET_UP) --dev
	$(BIN)/python -m tests.benchmarks.classic $(ARGS)

image: ## Build the container image with podman, buildah or docker, whichever is there
	@bash scripts/image.sh $(ARGS)

requirements: ## Pin the packages of pyproject.toml anew; newer ones: ARGS=--upgrade
	@$(SET_UP) --dev
	echo 'setuptools>=77' | $(COMPILE) $(ARGS) pyproject.toml - -o requirements.txt
	echo 'setuptools>=77' | $(COMPILE) $(ARGS) --extra dev -c requirements.txt pyproject.toml - \
		-o requirements-dev.txt

clean: ## Remove .venv and what tools and tests leave behind
	rm -rf .venv .bench-peers demo-output build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find jobqueue scripts tests -name __pycache__ -prune -exec rm -rf {} +
