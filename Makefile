# Two commands: `make run` plans a shipped campus, `make test` proves that everything works. Both set up what they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SCENARIO ?= scenarios/campus_week.yaml
TEST_PROCESSES ?= 2

.PHONY: run test setup lint types notebooks docs bench clean

run: $(VENV)/.ready
	$(BIN)/optimizer run $(SCENARIO)

test: $(VENV)/.ready
	$(BIN)/pytest -n $(TEST_PROCESSES) --cov --cov-report=term:skip-covered

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs,bench,weather,forecast,cluster]'
	touch $@

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

notebooks: $(VENV)/.ready
	$(BIN)/python notebooks/execute.py

# the generated parts of the pages, then all of them as a site in build/site, with warnings as errors
docs: $(VENV)/.ready
	$(BIN)/python docs/build.py $(DOCS_OPTIONS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# one table of the campus week, one of the same problem through other libraries (those that are installed), pictures
bench: $(VENV)/.ready
	$(BIN)/python benchmarks/week.py
	$(BIN)/python benchmarks/against_peers.py --document
	$(BIN)/python benchmarks/growth.py --document

clean:
	rm -rf $(VENV) results .pytest_cache .mypy_cache .ruff_cache .coverage
