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

check: .venv lint made quick ## lint, types, generated files, and all tests

lint: .venv ## ruff and mypy, nothing changed
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

MADE = make_frozen make_schemas make_docs

made: .venv ## fails where schemas/ or generated pages are not current
	for name in $(MADE); do $(PYTHON) tools/$$name.py --check || exit 1; done

generate: .venv ## write schemas/ and the generated pages
	for name in $(MADE); do $(PYTHON) tools/$$name.py || exit 1; done

fix: .venv ## let ruff repair and format; make schemas and generated docs again
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	$(PYTHON) tools/make_schemas.py
	$(PYTHON) tools/make_docs.py

quick: .venv ## the test suite, as in `./RERUN.sh test`
	$(PYTHON) -m pytest -n auto

test: quick ## the same

vectors: .venv ## regenerate tests/vectors; fails on a difference to what is committed
	$(PYTHON) tools/make_vectors.py
	git diff --exit-code -- tests/vectors

bench: .venv ## whole processes beside in-toto, git and bagit: prints ratios
	$(PYTHON) -m benchmarks w1 --runs 15
	$(PYTHON) -m benchmarks startup --runs 15

long: .venv ## hours: every bit of a packet flipped, every property with many examples
	$(PYTHON) -m tools.long_flips
	GREENLIGHT_LONG=1 HYPOTHESIS_MAX_EXAMPLES=$(LONG_EXAMPLES) $(PYTHON) -m pytest -n auto

# What uv writes by itself: versions and hashes, no index, no address (docs/adr/0012-packaging.md).
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: ## requirements/*.txt from pyproject.toml; UPGRADE=--upgrade for newer versions
	$(COMPILE) $(UPGRADE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --output-file requirements/dev.txt pyproject.toml --group dev
	$(COMPILE) $(UPGRADE) --output-file requirements/build.txt --group build
	$(COMPILE) $(UPGRADE) --output-file requirements/cwt.txt --group cwt

.PHONY: help check lint made generate fix quick test vectors bench long lock
