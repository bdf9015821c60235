# `make demo` and `make test` need Python 3.11 or later and nothing else. The other targets are for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INSTALL_LOG := $(VENV)/install.log
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input
# The port of `make ui`.
PORT ?= 3000

.PHONY: demo test ui lint lock clean coverage test-python test-unit test-long test-deployment test-faults

demo: $(STAMP)
	@$(BIN)/identity-assets demo

ui: $(STAMP)
	@$(BIN)/identity-assets ui --port $(PORT)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What pip prints goes to a log, and is shown only if the installation fails. A dot every second shows that it goes on.
$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("this needs Python 3.11 or later: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@printf 'installing into $(VENV) '
	@mkdir -p $(VENV)
	@{ $(PYTHON) -m venv $(VENV) && \
	   $(PIP_INSTALL) --require-hashes -r requirements-dev.txt && \
	   $(PIP_INSTALL) --no-deps --no-build-isolation -e .; } >$(INSTALL_LOG) 2>&1 & install=$$!; \
	 while kill -0 $$install 2>/dev/null; do printf .; sleep 1; done; \
	 wait $$install || { echo; cat $(INSTALL_LOG) >&2; exit 1; }
	@echo ' done'
	@touch $(STAMP)

# The lock files hold every platform, with hashes and without an index. requirements.txt is for production,
# requirements-k8s.txt for production on Kubernetes, and requirements-build.txt builds the wheel. requirements-dev.txt
# adds the demo, the tests and the tools.
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-strip-extras --no-annotate --no-header
lock: $(STAMP)
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --extra k8s -c requirements.txt pyproject.toml -o requirements-k8s.txt
	$(COMPILE) --extra dev -c requirements-k8s.txt pyproject.toml -o requirements-dev.txt
	$(COMPILE) --group build -c requirements-dev.txt -o requirements-build.txt

# The unit tests on each of these Pythons that works here. Each has a virtual environment of its own.
PYTHONS ?= python3.11 python3.12 python3.13
test-python:
	@for python in $(PYTHONS); do \
	  if version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then \
	    $(MAKE) --no-print-directory test-unit VENV=.venv-$$version PYTHON=$$python || exit 1; \
	  else echo "$$python is not on this machine"; fi; \
	done

test-unit: $(STAMP)
	$(BIN)/python -m pytest -n 2 identity_assets_tests/unit identity_assets_tests/lml

# Whole runs: in a browser, by a daemon, along the runbook, against faults of LML and of servers, through sixty nights.
test-long: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "long and not faults and not deployment"

# The tests of `make test` and `make test-long`, and how much of the code they reach.
coverage: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not faults and not deployment" --cov --cov-report=term

# Installs from the lock, starts whole deployments, and looks for secrets in all that they leave behind.
test-deployment: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m deployment

# Kills commands at more than three hundred points, and looks at what the next command makes of what is left.
test-faults: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m faults identity_assets_tests/faults

clean:
	rm -rf $(VENV) .venv-* .demo
