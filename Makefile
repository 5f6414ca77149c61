# Two commands on a fresh machine: `make run` and `make test`. Both set up .venv themselves, once.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test

run: $(READY)
	$(BIN)/python tools/quickstart.py

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tfiqa
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Rebuilt only when what is to be installed changes; a build that was cut short leaves no .ready and starts again.
$(READY): setup.cfg setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed (make PYTHON=/path/to/python)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --upgrade pip
	$(BIN)/python -m pip install -qq --editable '.[serving,ray,explain,dev]'
	touch $(READY)
