# `make` alone says what there is.  Everything runs in .venv, which RERUN.sh makes.

PYTHON = .venv/bin/python
# Examples of each property in `make long`.
LONG_EXAMPLES = 20000

.DEFAULT_GOAL = help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

.venv: requirements/runtime.txt requirements/dev.txt
	./RERUN.sh setup dev
	@touch .venv

check: .venv lint made test ## lint, types, generated files, and all tests

lint: .venv ## ruff and mypy, nothing changed
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

MADE = make_frozen make_corpus make_schemas make_docs

made: .venv ## fails where schemas/ or generated pages are not current
	for name in $(MADE); do $(PYTHON) tools/$$name.py --check || exit 1; done

generate: .venv ## write schemas/ and the generated pages
	for name in $(MADE); do $(PYTHON) tools/$$name.py || exit 1; done

fix: .venv ## let ruff repair and format; make schemas and generated docs again
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	$(PYTHON) tools/make_schemas.py
	$(PYTHON) tools/make_docs.py

# Everything that is a function of values: no store, no process, no step.
QUICK = tests/primitives tests/model tests/verify tests/test_layers.py tests/test_codes.py tests/test_docs.py

quick: .venv ## the pure layers, under a minute
	$(PYTHON) -m pytest -n auto $(QUICK)

test: .venv ## the whole suite, as `./RERUN.sh test` runs it
	$(PYTHON) -m pytest -n auto

vectors: .venv ## regenerate tests/vectors; fails on a difference to what is committed
	$(PYTHON) tools/make_vectors.py
	git diff --exit-code -- tests/vectors

bench: .venv ## half an hour: whole processes beside those of others, ratios, docs/benchmarks.svg
	$(PYTHON) -m benchmarks all --json docs/benchmarks.json --svg docs/benchmarks.svg \
		--page docs/benchmarks.md
	$(PYTHON) -m benchmarks.confinement --page docs/benchmarks.md
	$(PYTHON) -m benchmarks.growth --page docs/benchmarks.md --svg docs/growth.svg
	$(PYTHON) -m benchmarks.gates --page docs/benchmarks.md

long: .venv ## hours: every bit flipped, a store of 10,000 packets, properties with many examples
	$(PYTHON) -m tools.long_flips
	$(PYTHON) -m tools.long_life
	GREENLIGHT_LONG=1 HYPOTHESIS_MAX_EXAMPLES=$(LONG_EXAMPLES) $(PYTHON) -m pytest -n auto

# What uv writes by itself: versions and hashes, no index, no address (docs/adr/0012-packaging.md).
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: ## requirements/*.txt from pyproject.toml; UPGRADE=--upgrade for newer versions
	$(COMPILE) $(UPGRADE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --output-file requirements/dev.txt pyproject.toml --group dev
	$(COMPILE) $(UPGRADE) --output-file requirements/build.txt --group build
	$(COMPILE) $(UPGRADE) --output-file requirements/cwt.txt --group cwt

faults: ## break off every act at every system call, races, power cuts: hours; prints a table
	$(PYTHON) -m tests.faults

.PHONY: faults help check lint made generate fix quick test vectors bench long lock
