# make run   builds a release and starts Meridian with nothing configured
# make test  builds everything and runs every test, in a Python environment of its own
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

DATA ?= ./meridian-data
SEED ?=
SEEDS ?=
VENV := .venv
PYTEST_ARGS ?=
# Further flags for the release build, for example -Xswiftc -enforce-exclusivity=unchecked.
RELEASE_FLAGS ?=

.PHONY: run build test unit e2e lint format sim bench system python clean help

help:
	@sed -n '1,2s/^# //p' Makefile
	@echo 'make lint  checks format; make format repairs it'
	@echo 'make sim SEED=n  replays one seed of the simulation (SEEDS=n runs the first n)'
	@echo 'make bench  measures beside a peer'

run: build
	exec .build/release/meridian serve --data "$(DATA)"

build: system
	swift build -c release --product meridian $(RELEASE_FLAGS)

# The only thing beside Swift that has to be there. Installed when we may, named when we may not.
system:
	@if ! command -v swift >/dev/null; then echo 'Swift 6.2 or newer is needed: https://www.swift.org/install/linux/' >&2; exit 1; fi
	@if ! printf '#include <sqlite3.h>\n' | cc -E - >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends libsqlite3-dev pkg-config; \
	  else \
	    echo 'The SQLite headers are missing. Install them and run make again:' >&2; \
	    echo '  sudo apt-get install -y libsqlite3-dev pkg-config' >&2; exit 1; \
	  fi; fi

test: lint unit e2e

# The simulation computes without pause: beside it, tests that wait for sockets would starve on two cores.
unit: system
	swift build --build-tests
	swift test --skip-build --skip Simulation
	swift test --skip-build --filter Simulation

# The debug binary of `unit`, with the real clients.
e2e: system python
	swift build --product meridian
	MERIDIAN_BINARY="$${MERIDIAN_BINARY:-$$PWD/.build/debug/meridian}" PATH="$$PWD/$(VENV)/bin:$$PATH" \
	  $(VENV)/bin/python -m pytest Tests/EndToEnd $(PYTEST_ARGS)

python: $(VENV)/.installed

$(VENV)/.installed: Tests/EndToEnd/requirements.txt
	@if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-venv; \
	  else \
	    echo 'Python 3 with venv is missing. Install it and run make again:' >&2; \
	    echo '  sudo apt-get install -y python3 python3-venv' >&2; exit 1; \
	  fi; fi
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r Tests/EndToEnd/requirements.txt
	touch $@

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

sim: system
	$(if $(SEED),SIM_SEED=$(SEED)) $(if $(SEEDS),SIM_SEEDS=$(SEEDS)) swift test --filter Simulation

bench: build
	@if [ ! -x Benchmarks/run ]; then echo 'There are no benchmarks in this tree yet.' >&2; exit 1; fi
	Benchmarks/run .build/release/meridian

clean:
	rm -rf .build $(VENV)
