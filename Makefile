# Everything from nothing but make and Python 3.11 or newer; the second run finds its stamps and is quick.
#
#   make serve [PORT=8400] [HOST=127.0.0.1] [CONFIG=penstock.yaml] [ARGS=...]
#   make test  [ARGS=...]          make lint          make bench [ARGS=--full]          make clean
#   make demo  [ARGS=...]          a tour of what it does, played on this machine
#   make compiled                  the hot path compiled with mypyc, into .cache/compiled; make test-compiled [ARGS=...]
#   make wheel                     what is published, in dist/: compiled for this Python and platform; PENSTOCK_PURE=1 for neither
#   make screenshots               the pictures in docs/images, made by the tests of the dashboard
#   make cdk                       what the tests of `penstock deploy aws` need, in an environment of its own (460 MB, once)
#   make semantic                  the data packages of the semantic cache, built and installed (once)
#
# PYTHON=/path/to/python chooses the interpreter; WHEELS= allows packages to be compiled where no wheel fits.

SHELL := /bin/sh
VENV ?= .venv
PYTHON ?=
WHEELS ?= --only-binary=:all:
HOST ?=
PORT ?=
CONFIG ?=
ARGS ?=
DIST ?= dist
# How all tests are spread over processes: one more than a small machine has cores, since half of their time they wait.
SPREAD ?= -n 3

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
NODE_STAMP := $(if $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null)),tests/clients/node_modules/.stamp)

.PHONY: serve demo semantic cdk compiled wheel test test-compiled screenshots lint format bench clean
.DELETE_ON_ERROR:

serve: $(VENV)/.serve
	@exec $(BIN)/penstock serve $(if $(CONFIG),--config "$(CONFIG)") $(if $(HOST),--host "$(HOST)") \
	  $(if $(PORT),--port "$(PORT)") $(ARGS)

demo: $(VENV)/.serve
	@exec $(BIN)/penstock demo $(ARGS)

semantic: $(VENV)/.semantic

cdk: .cache/cdk/.stamp

test: $(VENV)/.semantic $(NODE_STAMP)
	@$(BIN)/python -m pytest $(or $(ARGS),$(SPREAD))

compiled: $(VENV)/.dev
	@$(BIN)/python tools/compile.py

wheel: $(VENV)/.dev
	@HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 $(BIN)/python -m build --wheel --no-isolation --outdir $(DIST) .

test-compiled: compiled
	@PYTHONPATH="$(CURDIR)/.cache/compiled" $(BIN)/python -m pytest -o "pythonpath=.cache/compiled tools ." $(or $(ARGS),$(SPREAD))

screenshots: $(VENV)/.dev $(NODE_STAMP)
	@PENSTOCK_SCREENSHOTS=.cache/screenshots $(BIN)/python -m pytest tests/edge/dashboard -q $(ARGS)
	@mkdir -p docs/images
	@cp $(addprefix .cache/screenshots/,incident.png traffic.png call.png phone.png pools.png) docs/images/

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@set -e; for check in tools/check_*.py; do $(BIN)/python "$$check"; done

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m bench.run_all $(ARGS)

clean:
	rm -rf $(VENV) build dist .cache/packages .cache/compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/clients/node_modules
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

# A venv in which pip works, made with the newest Python that is found.
$(VENV)/.python:
	@if $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	  touch $@; exit 0; \
	fi; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3 python); do \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  echo "Making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv "$(VENV)" && touch $@ && exit 0; exit 1; \
	done; \
	echo "Penstock needs Python 3.11 or newer with its venv module$(if $(PYTHON),; $(PYTHON) is not one)." >&2; \
	echo "Install it (Debian, Ubuntu: python3 and python3-venv; macOS: python.org) or name it: make PYTHON=/path/to/python" >&2; \
	exit 1

$(VENV)/.serve: $(VENV)/.python requirements/local.txt requirements/build.txt pyproject.toml
	@echo "Installing the gateway and the embedded engine (about 40 MB, once)"
	@$(PIP) install $(WHEELS) --require-hashes -r requirements/local.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.serve requirements/dev.txt
	@echo "Installing the tools for development (once)"
	@$(PIP) install $(WHEELS) --require-hashes -r requirements/dev.txt
	@touch $@

# The weights are fetched and quantised once for this user, whatever the number of environments.
$(VENV)/.semantic: $(VENV)/.dev packages/build_wheels.py $(wildcard packages/*/pyproject.toml) \
  src/penstock/cache/embedding/weights.py src/penstock/cache/embedding/quantised.py
	@echo "Building the data packages of the semantic cache (about 100 MB to fetch, once)"
	@$(BIN)/python packages/build_wheels.py --out .cache/packages
	@$(PIP) install --no-deps --no-index --force-reinstall .cache/packages/*.whl
	@touch $@

.cache/cdk/.stamp: requirements/cdk.txt $(VENV)/.python
	@echo "Installing the AWS CDK for its tests (about 120 MB to fetch, once)"
	@$(BIN)/python -m venv .cache/cdk
	@.cache/cdk/bin/python -m pip --disable-pip-version-check --no-input --quiet install $(WHEELS) --require-hashes -r requirements/cdk.txt
	@touch $@

tests/clients/node_modules/.stamp: tests/clients/package.json tests/clients/package-lock.json
	@echo "Installing the Node clients that the tests drive (once)"
	@cd tests/clients && npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null
	@touch $@
