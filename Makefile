# `make demo` and `make test` need Python 3.11 or later and nothing else. The other targets are for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INSTALL_LOG := $(VENV)/install.log
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input
# The port of `make ui`.
PORT ?= 3000

.PHONY: demo test ui lint lock clean

demo: $(STAMP)
	@$(BIN)/identity-assets demo

ui: $(STAMP)
	@$(BIN)/identity-assets ui --port $(PORT)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

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

# Both lock files hold every platform, with hashes and without an index. requirements.txt is for production;
# requirements-dev.txt adds the demo, the tests and the tools.
lock: $(STAMP)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
	  --no-annotate --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
	  --no-annotate --no-header --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) .demo
