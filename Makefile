# make demo | test | check need nothing prepared but Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long check format bench up down clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "tocsin needs Python 3.11 to 3.13, this is %d.%d; set PYTHON=" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@mkdir -p .types && ln -sfn .. .types/tocsin
	@touch $@

demo: $(VENV)/.installed  ## a day of a small city's logs, and the alerts in it
	$(BIN)/tocsin demo

check: $(VENV)/.installed  ## format, lint, types, and the tests that need no service
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/pytest -q -m 'not services and not long and not slow'

test: $(VENV)/.installed  ## every test, long ones at a small size
	$(BIN)/pytest -q

test-long: $(VENV)/.installed  ## the long tests at full size
	TOCSIN_LONG=1 $(BIN)/pytest -q -m long --timeout 3600

bench: $(VENV)/.installed  ## the benchmarks, figures on standard output
	$(BIN)/python tests/benchmarks

up: $(VENV)/.installed  ## Kafka and Elasticsearch on this machine, without Docker
	$(BIN)/python deploy/local/services.py up

down: $(VENV)/.installed  ## stop what `make up` started
	$(BIN)/python deploy/local/services.py down

format: $(VENV)/.installed
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
