# make demo    set up .venv and explain a neuron of the bundled model
# make check   set up .venv with the test tools; ruff, mypy and the fast unit tests
# make test    set up .venv with the test tools; tests, ruff and mypy
# make lock    write constraints.txt from what .venv holds
# make clean   remove .venv and caches; runs and evidence stay
#
# A Python that is not called python3: make demo PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo check test lock clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/agent explain L5N131 --budget 20 --model mini

check: .venv/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests/unit

test: .venv/installed-test
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Without build isolation, so that installing again needs no network once everything is there.
.venv/installed: .venv/made
	$(PIP) install --quiet --no-build-isolation -c constraints.txt -e .
	@touch $@

.venv/installed-test: .venv/made
	$(PIP) install --quiet --no-build-isolation -c constraints.txt -e ".[test]"
	@touch $@ .venv/installed

.venv/made: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON): install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: install a newer Python, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; }
	@echo "Installing into .venv; the first time this fetches some 1.6 GB and takes a few minutes"
	$(PIP) install --quiet -c constraints.txt setuptools
	@touch $@

lock: .venv/installed-test
	$(BIN)/python .ci/lock.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find agent tools traces evals tests -name __pycache__ -type d -prune -exec rm -rf {} +
