# Every target sets up what it needs; `make demo` and `make test` are the two commands of the README.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SPARK  := .cache/spark
SEED   ?= 1

.PHONY: install demo test lint live proof fuzz differential specs bench latency schema lock graphiql spark java clean help

help:  ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## .venv from the lock, with everything the other targets need

# uv is used where it is there (it is faster); pip does the same from the same lock.
$(STAMP): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock && \
	  uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e . ; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/pip install --disable-pip-version-check --progress-bar off --quiet --require-hashes -r requirements.lock && \
	  $(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e . ; \
	fi
	@if command -v npm >/dev/null 2>&1; then $(BIN)/python -m gateway.graphiql || true; fi
	@touch $@

graphiql: install  ## the files of GraphiQL from npm, for a page that needs no internet
	@$(BIN)/python -m gateway.graphiql

demo: install  ## the gateway on four sandbox sources, on http://127.0.0.1:8360
	@$(BIN)/c360 demo

test: install  ## all tests that this machine can run; says what it skipped and why
	@$(BIN)/python -m pytest

lint: install  ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

live: install  ## the proof on real servers: Tryton, Vendure, Request Tracker, Dovecot
	@$(BIN)/python -m pytest tests/live --live -q

proof: install  ## the long tests: 2,000 people's links, 1,000 mutated answers, kills in mid-write, the demo's check
	@C360_TRUTH_PEOPLE=2000 C360_MUTATIONS=1000 C360_KILLS=50 C360_HISTORIES=25 $(BIN)/python -m pytest -q \
	  tests/resolvers/test_truth.py tests/chaos/test_payloads.py tests/resolvers/identity_log tests/chaos/test_sync_kill.py
	@C360_KILLS=10 $(BIN)/python -m pytest -q tests/chaos/test_rotation_kill.py tests/resolvers/sync/test_private.py
	@$(BIN)/c360 demo --check >/dev/null && echo "c360 demo --check: all answers came"

spark: install java $(SPARK)/.installed  ## that Spark proposes what DuckDB proposes (pyspark, once: 455 MB to fetch, 500 MB kept)
	@PYTHONPATH=$(SPARK) $(BIN)/python -m pytest tests/resolvers/training --spark -m spark -q

java:
	@command -v java >/dev/null 2>&1 || { \
	  echo "Spark needs Java: installing Debian's default-jre-headless" && \
	  mkdir -p /usr/share/man/man1 && apt-get update -qq && apt-get install -y -qq default-jre-headless >/dev/null; }

# Beside the environment, not in it: nothing else needs pyspark, and `make install` would remove it.
$(SPARK)/.installed: requirements-spark.lock | install
	@rm -rf $(SPARK) && mkdir -p $(SPARK)
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --require-hashes --no-deps --python $(BIN)/python --target $(SPARK) -r requirements-spark.lock ; \
	else \
	  $(BIN)/pip install --disable-pip-version-check --quiet --require-hashes --no-deps --target $(SPARK) -r requirements-spark.lock ; \
	fi
	@touch $@

fuzz: install  ## 10,000 random documents
	@C360_FUZZ=10000 $(BIN)/python -m pytest -q tests/chaos/test_documents.py

# coroutines that graphql-core cancels unbegun are told to nobody who could do anything about them
differential: install  ## 20,000 random documents, compiled and plain: the same data, the same errors
	@C360_DIFFERENTIAL=20000 $(BIN)/python -m pytest -q -p no:unraisableexception tests/property/compiled

bench: install  ## this gateway and its peers side by side, checked and measured on one core each (SEED=N: other data)
	@$(BIN)/python -m bench.peers --seed $(SEED)

latency: install  ## the answer's time against the slowest chain of calls, on the sandbox
	@$(BIN)/python -m bench.latency

specs: install  ## the adapters' requests and the sandbox's answers against the vendors' descriptions (Prism, from npm)
	@$(BIN)/python -m tests.specs.prism
	@C360_NEED_PRISM=1 $(BIN)/python -m pytest tests/specs -q

schema: install  ## write schema.graphql from the code
	@$(BIN)/c360 export-schema --output schema.graphql

lock:  ## requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra http2 --extra postgres --extra redis --extra training --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url -q -o requirements.lock
	printf 'pyspark>=4.0,<5\n' | uv pip compile - --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url -q -o requirements-spark.lock

clean:  ## everything that can be made again
	rm -rf $(VENV) .cache .assets .pytest_cache .mypy_cache .ruff_cache
