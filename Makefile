# Every target works from a fresh checkout: `.venv` is made and kept up to date by itself.
# Only relative paths here, so that the folder may have any name, spaces included.
# Other Python than the one found: make PYTHON=/path/to/python3.12 demo

.DEFAULT_GOAL := help
.PHONY: help demo run test check e2e fuzz chaos soak bench lock audit clean
.DELETE_ON_ERROR:

PY := .venv/bin/python
PYTEST := $(PY) -m pytest -q
CANDIDATES := $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python
FUZZ := $(wildcard tests/test_fuzz_*.py)
CHAOS := $(wildcard tests/test_chaos_*.py)
E2E := $(wildcard tests/e2e/test_*.py)
SOAK := $(wildcard benchmarks/soak.py)
# For every Python and platform at once; says nothing of the machine or the index it was made with.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --annotation-style line --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

help: ## show this list
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

demo: .venv/runtime ## the whole product over a simulated CDN, at http://localhost:8501
	@exec $(PY) -m launch demo

run: .venv/runtime ## the product over your own servers, with a database of its own
	@exec $(PY) -m launch run

test: .venv/development ## unit, property, database and page tests
	$(PYTEST) -n 2 --ignore=tests/e2e $(addprefix --ignore=,$(FUZZ) $(CHAOS))

check: .venv/development ## linter, formatting and types, then the tests
	@status=0; \
	for tool in "ruff check ." "ruff format --check ." mypy; do \
	  echo "$(PY) -m $$tool"; $(PY) -m $$tool || status=1; \
	done; \
	$(MAKE) --no-print-directory test || status=1; \
	exit $$status

e2e: .venv/development ## every page in a real browser (needs Chromium)
	@if [ -z "$(E2E)" ]; then echo "make e2e: no browser tests yet, nothing to run"; \
	elif ! command -v chromium >/dev/null; then echo "make e2e: Chromium is not installed, nothing was run"; \
	else $(PYTEST) tests/e2e; fi

fuzz: .venv/development ## hostile input for the parsers and the REST API
	@if [ -z "$(FUZZ)" ]; then echo "make fuzz: no fuzz tests yet, nothing to run"; else $(PYTEST) $(FUZZ); fi

chaos: .venv/development ## faults and kills at the worst moments
	@if [ -z "$(CHAOS)" ]; then echo "make chaos: no chaos tests yet, nothing to run"; else $(PYTEST) $(CHAOS); fi

soak: .venv/development ## an hour of load, by hand: slope of memory, lag
	@if [ -z "$(SOAK)" ]; then echo "make soak: nothing to run yet"; else $(PY) $(SOAK); fi

bench: .venv/development ## what a poll costs, and what questions about months take
	$(PY) -m benchmarks.collect
	$(PY) -m benchmarks.history --servers 100 --days 30

# UPGRADE=1: also the newest of what nobody pinned by hand.
lock: .venv/development ## pin all that the requirements bring along, with hashes (needs the package index)
	$(LOCK) -o requirements.lock requirements.txt
	$(LOCK) -c requirements.lock -o requirements-dev.lock requirements-dev.txt

audit: .venv/development ## known vulnerabilities of what is pinned (needs their service)
	@$(PY) -m tests.vulnerabilities

clean: ## remove the virtual environment and caches; data/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

# The first Python that is new enough sets up .venv and reports its progress.
define INSTALL
	@for python in $(CANDIDATES); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    exec "$$python" launch/install.py $< $@; \
	  fi; \
	done; \
	echo "Python 3.11 or newer is needed and none was found; name one with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
	exit 1
endef

.venv/runtime: requirements.lock
	$(INSTALL)

.venv/development: requirements-dev.lock
	$(INSTALL)
