# `make app`, `make demo` and `make test` set up everything they need: the first time it takes minutes, later nothing.
# PYTHON=/path/to/python3.12 chooses an interpreter; otherwise tools/scripts/setup.sh finds one.

.DEFAULT_GOAL := help
.PHONY: help setup app demo quick test test-all bench torture lint types docs wheel constraints clean distclean

READY := .venv/.ready
SAMPLE := assets/samples/hex_nut

help:
	@echo "make app     set up, then open the web app at http://127.0.0.1:7860 (ARGS='--port 7870' for another port)"
	@echo "make demo    set up, then inspect the sample part hex_nut from one photo (results in runs/demo)"
	@echo "make test    set up, then run the tests, about ten minutes on two cores (ARGS='-k coreset' for some of them)"
	@echo "make quick   set up, then run those that take a minute: no browser, no training, no photos beside the checkout"
	@echo "make test-all  set up, then run every test: full-length robustness, speed, all benchmark detectors, the Docker build"
	@echo "make bench   set up, then measure how much faster than the obvious way (ARGS='scoring run' for some of it)"
	@echo "make torture set up, then do to the tool what a factory will (ARGS='input faults' for some of it)"
	@echo "make lint    set up, then check style and format with ruff and who imports whom with import-linter"
	@echo "make types   set up, then check the types with mypy: the number of errors may only fall"
	@echo "make docs    set up, then build the documentation as a site (site/index.html)"
	@echo "make setup   set up only: .venv, packages, WordNet"
	@echo "make wheel   set up, then build the source distribution and the wheel (dist/)"
	@echo "make clean   remove what was built or cached, and runs/demo"
	@echo "make distclean  that, and .venv"

setup: $(READY)

$(READY): requirements.txt requirements-dev.txt constraints.txt packages.txt packages-dev.txt pyproject.toml setup.py tools/scripts/setup.sh
	@PYTHON="$(PYTHON)" bash tools/scripts/setup.sh
	@touch $@

app: $(READY)
	.venv/bin/python app.py $(ARGS)

demo: $(READY)
	@rm -rf runs/demo
	.venv/bin/tgvig run $(SAMPLE)/train/good/000.jpg --object "metal nut" --test $(SAMPLE)/test \
		--out runs/demo --images 20 --iterations 5 --pack embedded
	@echo
	@echo "Look at:"
	@echo "  runs/demo/inspect/      heatmaps of the test photos"
	@echo "  runs/demo/sets/         the generated good images, a folder per iteration"
	@echo "  runs/demo/prompts.csv   which prompts describe the part"
	@echo "  runs/demo/result.json   scores, threshold, expected false alarms, seconds"

# Three workers with a thread each, file by file; one of them mostly waits for pages. tests/EVIDENCE.md: which test is in which suite.
PYTEST := .venv/bin/python -m pytest -n 3 --dist loadfile

test: $(READY)
	$(PYTEST) -m "not slow" $(ARGS)

quick: $(READY)
	$(PYTEST) -m quick $(ARGS)

test-all: $(READY)
	$(PYTEST) $(ARGS)

bench: $(READY)
	.venv/bin/python -m tools.benchmarks $(ARGS)

torture: $(READY)
	.venv/bin/python -W ignore -m tests.robustness $(ARGS)

lint: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-cache --no-logo

types: $(READY)
	.venv/bin/python -m tools.scripts.check_types

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

wheel: $(READY)
	rm -rf dist
	.venv/bin/python -m build

# The versions that `make setup` and CI install; after a change of dependencies, or to move to newer ones.
constraints: $(READY)
	.venv/bin/python tools/scripts/make_requirements.py
	.venv/bin/python -m tools.scripts.make_constraints

clean:
	rm -rf runs/demo site build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find app.py setup.py assets tgvig_core tgvig_ui tgvig_serve tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
