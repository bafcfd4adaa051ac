# make run, make test, make check, make bench: each sets itself up; only python3 (3.11 or newer), venv and make are needed.

PYTHON ?= python3
BIN := .venv/bin
CODE := bot handlers models scheduler bench tests

.PHONY: run test check bench lock clean

run: .venv/runtime ## the demonstration: http://127.0.0.1:8080
	@$(BIN)/python -m bot serve --demo

test: .venv/development ## everything CI runs
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: .venv/development ## put the code in form, then test it
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
	$(MAKE) test

bench: .venv/development ## measure; `make bench NAME=reminders` for another
	$(BIN)/python -m bench $(or $(NAME),turns)

lock: .venv/development ## resolve the dependencies again; needs uv
	uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet pyproject.toml -o requirements.txt
	uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet --extra dev pyproject.toml -o requirements-dev.txt

clean: ## forget the set-up; the store under var/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing: on Debian, apt install python3-venv"; exit 1; }

.venv/runtime: requirements.txt | .venv/bin/python
	@echo "setting up (once, about a minute) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt | .venv/bin/python
	@echo "setting up for development (once, a few minutes) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/runtime
