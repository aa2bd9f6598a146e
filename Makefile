# lector102: the commands a person types. `make help` lists them.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.dev

# What `make run` understands; see README.md.
INTERVAL ?= 15
SPEED    ?= 1
METERS   ?= 1
BROKER   ?=
BOARD_CLASS ?= middle
export INTERVAL SPEED METERS BROKER BOARD_CLASS

.DEFAULT_GOAL := help
include make/variables.mk

.PHONY: help setup lib build run doctor decode test test-fast test-services lint types format bench proof docs clean

help:
	@echo "make run            read a simulated meter, see its JSON arrive at a broker (Ctrl-C ends it)"
	@echo "make run -- --once  the same, ends after the first record"
	@echo "make board-sim      no board yet? A simulated one with a console, a meter and a broker (docs/no-hardware.md)"
	@echo "make doctor meter   what is wrong, and what to do: meter, modem, broker (make doctor meter -- --port /dev/ttyUSB0)"
	@echo "make decode 10 49 01 00 4a 16   what a frame from the line means"
	@echo "make test-fast      lint and the tests that start no process: within a minute"
	@echo "make test           lint and all tests but those of services: some six minutes"
	@echo "make test-services  the tests against servers of the system (apt-get install mosquitto openssl nginx-light vsftpd postgresql rabbitmq-server)"
	@echo "make bench          the figures the project promises, as a table and JSON in bench/results/"
	@echo "make proof          what takes long to prove: power cuts of the log and of an upgrade, a day of CMUX, months, years, mutations, ..."
	@echo "make types          what pyright finds in the firmware and the tools, with the types of MicroPython's modules"
	@echo "make lib            fetch the device libraries (pinned by hash) into lib/"
	@echo "make build          compile the firmware for a board into build/device/"
	@echo "make docs           write docs/settings.md, commands.md, errors.md and package.json anew from the code"
	@$(MAKE) --no-print-directory board-help
	@$(MAKE) --no-print-directory page-help
	@$(MAKE) --no-print-directory pico-help
	@$(MAKE) --no-print-directory fleet-help
	@echo "make clean          remove everything that can be made again"

# The stamp of an extra of pyproject.toml; each is installed by what needs it.
$(VENV)/.%: pyproject.toml constraints.txt make/environment.sh
	@sh make/environment.sh "$(PYTHON)" $(VENV) $*

setup: $(STAMP)

lib/.installed: $(STAMP) lib.lock tools/lib.py
	@$(PY) -m tools.lib
	@touch $@

lib: lib/.installed

build: lib/.installed
	@$(PY) -m tools.build

# Words after these are handed on: `make run -- --once --meters 3`. One with = in it make takes for a variable.
ifneq (,$(filter run doctor decode board-sim page,$(firstword $(MAKECMDGOALS))))
WORDS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS)) $(filter --%,$(MAKEOVERRIDES))
GIVEN := $(subst :,\:,$(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS)))
ifneq (,$(strip $(GIVEN)))
.PHONY: $(GIVEN)
$(GIVEN): ; @:
endif
endif

run: build
	@exec $(PY) -m tools.twin $(WORDS)

doctor: $(STAMP)
	@exec $(PY) -m tools.doctor $(WORDS)

decode: $(STAMP)
	@exec $(PY) -m tools.decode $(WORDS)

test-fast: lint lib/.installed
	@$(PY) -m pytest -n "$$(getconf _NPROCESSORS_ONLN)" tests/host/unit

test: lint build
	@$(PY) -m pytest

test-services: build $(VENV)/.fleet $(VENV)/.types build/stubs/.installed
	@$(PY) -m pytest -m services

lint: $(STAMP)
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check --quiet . || { echo "make format writes these files as they should be"; exit 1; }
	@$(PY) -m tools.build --check

# Undefined and unbound names, imports that lead nowhere, and the like; boot.py and main.py stay as they are.
types: $(STAMP) $(VENV)/.types build/stubs/.installed
	@$(VENV)/bin/basedpyright
	@$(VENV)/bin/basedpyright -p tools/pyrightconfig.json

# With their hashes, and beside the environment: names like asyncio and socket are in it.
build/stubs/.installed: make/stubs.txt $(STAMP)
	@rm -rf build/stubs
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target build/stubs -r $<
	@touch $@

format: $(STAMP)
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format --quiet .

bench: build
	@$(PY) -m bench

proof: build $(VENV)/.fleet
	@$(PY) -m tests.proof

docs: $(STAMP)
	@$(PY) -m tools.docs
	@$(PY) -m tools.package

clean:
	rm -rf build $(VENV) lib/umqtt lib/microdot.py lib/.installed bench/results twin board-sim .pytest_cache .ruff_cache .hypothesis

include make/board.mk
include make/page.mk
include make/pico.mk
include make/fleet.mk
