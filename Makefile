# SPDX-License-Identifier: Apache-2.0
# Two commands: `make demo` shows a greenhouse at work, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
SOURCES := telemetry drivers controllers pages firmware_bridge edge cooperative
BENCHES := $(basename $(notdir $(filter-out bench/__init__.py bench/_%.py,$(wildcard bench/*.py))))
QUICK_BENCHES := agent kernels calibration

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-influx homeassistant test check bench torture clean FORCE

help: ## Say what can be made
	@awk -F':.*## ' '/^[a-zA-Z_%-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  benches: $(addprefix bench-,$(BENCHES))"

setup: $(RUN_STAMP) firmware-linux ## Make .venv from the hashed lock file and compile what is compiled

$(BIN)/python:
	@scripts/need-python $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements/run.lock pyproject.toml | $(BIN)/python
	@scripts/install $(VENV) requirements/run.lock
	@touch $@

$(DEV_STAMP): requirements/dev.lock pyproject.toml | $(BIN)/python
	@scripts/install $(VENV) requirements/dev.lock
	@touch $(RUN_STAMP) $@

.PHONY: firmware-linux
firmware-linux:
	@$(MAKE) -s --no-print-directory -C firmware_bridge/firmware linux

demo: setup ## Run the demo: two houses, real bytes, a page to look at
	@$(BIN)/vuon demo $(DEMO)

demo-influx: setup ## The same demo through Mosquitto and the hub into InfluxDB, all started here
	@$(BIN)/vuon demo --influx $(DEMO)

HOME_ASSISTANT := build/venvs/homeassistant/.installed

$(HOME_ASSISTANT): requirements/homeassistant.lock
	@scripts/install-beside homeassistant $< $(PYTHON)

homeassistant: $(HOME_ASSISTANT) ## Install the Home Assistant that the tests speak to (400 MB, once)

# All tests run in two processes, a file in one of them, the long ones first: one waits while the other computes.
# WORKERS=0 runs them one after the other; so do TESTS=some/place, which runs only those.
WORKERS ?= 2
SPREAD := $(if $(TESTS),,-n $(WORKERS) --dist loadfile --no-loadscope-reorder)
CHECKS := check-types check-firmware check-style check-layers
SIDE_BY_SIDE := $(MAKE) -s -j2 -O --no-print-directory
.PHONY: $(CHECKS) kernels firmware-tests

test: $(DEV_STAMP) ## Install what the tests need, check the house, run every test
	@scripts/debian-packages
	@$(SIDE_BY_SIDE) kernels $(CHECKS) $(HOME_ASSISTANT) firmware-tests
	@$(BIN)/python -m pytest $(SPREAD) $(TESTS)

check: $(DEV_STAMP) ## Lint, types, layers and words
	@$(SIDE_BY_SIDE) $(CHECKS)

check-style: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .

check-types: $(DEV_STAMP)
	$(BIN)/mypy --no-error-summary $(SOURCES) tests bench scripts

check-layers: $(DEV_STAMP)
	$(BIN)/lint-imports --no-cache

check-firmware:
	@if command -v cppcheck >/dev/null && command -v clang-tidy >/dev/null; then \
		$(MAKE) -s --no-print-directory -C firmware_bridge/firmware lint; fi

# What both test processes would otherwise make at the same time.
kernels: $(DEV_STAMP)
	@$(BIN)/python -m edge.kernel_cache >/dev/null

firmware-tests: firmware-linux
	@$(MAKE) -s --no-print-directory -C firmware_bridge/firmware tests
	@if command -v avr-gcc >/dev/null && [ -e /usr/include/simavr/sim_avr.h ]; then \
		$(MAKE) -s --no-print-directory -C firmware_bridge/firmware avr rig boot >/dev/null; fi

bench: $(DEV_STAMP) ## Run the quick benches (each ends with one JSON line)
	@for name in $(QUICK_BENCHES); do echo "== bench-$$name"; $(BIN)/python -m bench.$$name || exit 1; done

bench-%: $(DEV_STAMP) firmware-linux FORCE
	@$(BIN)/python -m bench.$*

torture: $(DEV_STAMP) firmware-linux ## The long counts: hours
	@for name in bus telemetry firmware safety; do echo "== torture-$$name"; $(BIN)/python -m bench.$$name --torture || exit 1; done

torture-%: $(DEV_STAMP) firmware-linux FORCE
	@$(BIN)/python -m bench.$* --torture

lock: $(DEV_STAMP) ## Renew the hashed lock files (needs uv)
	@scripts/lock

clean: ## Remove what was built, never data
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis
