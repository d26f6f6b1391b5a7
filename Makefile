# How we work; CI calls only these targets. GNU make, python3 with pip, gcc and git are all a fresh machine needs.
#
#   make setup          virtual environment in .venv from requirements.lock, and the project in it (editable)
#   make serve          the whole service on this machine; Ctrl-C stops all of it
#   make check          ruff, ruff format --check, mypy --strict, import-linter
#   make test           check, then every test that this machine can run, but for the end-to-end ones (TEST_WORKERS at once)
#   make sandbox-image  the image that code is run in (touchstone-sandbox:latest); SANDBOX_VARIANT=slim: a few languages
#   make image          the service's own image (touchstone:latest)
#   make e2e            both images, docker-compose up, tests/e2e, down
#   make storm          random kills under load, then the history is checked
#   make audit          outsiders' tools that look for cheatable rewards, against a running service
#   make interop        trainers' own code against a running service; INTEROP_ARGS="--only trl" runs a part
#   make docs           the pages of docs/ that list what the code declares
#   make bench          every script in benchmarks/, one after the other
#   make clean          what the targets above left behind, but for .venv and the images
#
# The locks carry hashes and name no package index: pip's own configuration on this machine says where to fetch.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More arguments for pytest, for example: make test PYTEST_ARGS="-k format -x"
PYTEST_ARGS ?=
# How many tests run at once; 0: one after the other, in this process (for a debugger).
TEST_WORKERS ?= 2

# Debian's own client carries BuildKit; another one on PATH may want a plug-in that is not there.
DOCKER ?= $(firstword $(wildcard /usr/bin/docker) docker)
# More arguments for docker build: a mirror's certificate authority or pip's configuration as build secrets (.ci/run).
BUILD_ARGS ?=
BASE_IMAGE ?= debian:bookworm-slim
IMAGE ?= touchstone:latest
SANDBOX_IMAGE ?= touchstone-sandbox:latest
# "full", or "slim": python, c, cpp, javascript, and what Debian brings along.
SANDBOX_VARIANT ?= full

.PHONY: help setup setup-dev serve check test image sandbox-image e2e bench storm audit interop docs clean

help:
	@sed -n 's/^#   make/make/p' Makefile

# --- Environment -----------------------------------------------------------------------------------------------------

# A fresh Debian has python3 and pip but no ensurepip, so the host's pip installs into the environment from outside.
# Where the host's Python has no pip, the environment gets its own.
define pip
$(if $(shell $(PYTHON) -m pip --version 2>/dev/null),$(PYTHON) -m pip --python $(BIN)/python,$(BIN)/python -m pip)
endef

$(BIN)/python:
	if $(PYTHON) -m pip --version >/dev/null 2>&1; then $(PYTHON) -m venv --without-pip $(VENV); \
	else $(PYTHON) -m venv $(VENV); fi

# A stamp for each lock: nothing happens the second time, and everything again when a lock or pyproject.toml changes.
# The build back end is locked as well, so that installing the project itself fetches nothing unhashed.
$(VENV)/setup.stamp: requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	$(pip) install -q --require-hashes -r requirements.lock -r requirements-build.lock
	$(pip) install -q --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/setup-dev.stamp: requirements-dev.lock clients/python/pyproject.toml $(VENV)/setup.stamp
	$(pip) install -q --require-hashes -r requirements-dev.lock
	$(pip) install -q --no-deps --no-build-isolation --editable clients/python
	touch $@

setup: $(VENV)/setup.stamp
setup-dev: $(VENV)/setup-dev.stamp

# --- Work ------------------------------------------------------------------------------------------------------------

# exec, so that a signal sent to make's child reaches the service itself.
serve: setup
	@exec $(BIN)/touchstone serve

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	TOUCHSTONE_SANDBOX_IMAGE=$(SANDBOX_IMAGE) $(BIN)/pytest --ignore=tests/e2e -n $(TEST_WORKERS) --dist worksteal \
		$(PYTEST_ARGS)

bench: setup-dev
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

# Five minutes of random kills under 20,000 items with known verdicts; STORM_ARGS="--seed 7" repeats one.
storm: setup-dev
	$(BIN)/python -m tests.storm $(STORM_ARGS)

# Tools that audit graders, in a throw-away environment, against a running service.
audit: setup
	$(BIN)/python audit/run.py

# Trainers' own code, in throw-away environments, against a running service (docs/trainers.md).
interop: setup-dev
	$(BIN)/python interop/run.py $(INTEROP_ARGS)

# The pages of docs/ that list what the code declares.
docs: setup
	$(BIN)/python docs/make.py

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache bench-results
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Containers ------------------------------------------------------------------------------------------------------

image:
	DOCKER_BUILDKIT=1 $(DOCKER) build --build-arg BASE=$(BASE_IMAGE) $(BUILD_ARGS) -t $(IMAGE) .

sandbox-image:
	DOCKER_BUILDKIT=1 $(DOCKER) build --build-arg BASE=$(BASE_IMAGE) --build-arg VARIANT=$(SANDBOX_VARIANT) \
		$(BUILD_ARGS) -t $(SANDBOX_IMAGE) \
		-f sandbox/image/Dockerfile sandbox

# The tests bring the composition up and down themselves, so that a failing test leaves nothing running either.
e2e: setup-dev image sandbox-image
	TOUCHSTONE_IMAGE=$(IMAGE) TOUCHSTONE_SANDBOX_IMAGE=$(SANDBOX_IMAGE) $(BIN)/pytest tests/e2e $(PYTEST_ARGS)
