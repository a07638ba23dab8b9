# `make demo` and `make test` set everything up on a fresh machine and then run.

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && \
	$$p -c 'import sys; sys.exit(sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11))' 2>/dev/null && \
	echo $$p && break; done)
VENV ?= .venv
INSTALLED := $(VENV)/.installed

.PHONY: demo test bench lint format clean

demo: $(INSTALLED)
	$(VENV)/bin/mtl-lowres demo --out demo

test: lint
	$(VENV)/bin/python -m pytest -n 2

# Each in its short form. The peers are installed into environments of their own under bench/; one
# that cannot be had is skipped with a line that says so. features.py needs files: see there.
BENCHMARKS := pipeline many_rows packed training latency four_tasks predictor fuzz_export newer_tensorflow

bench: $(INSTALLED)
	@mkdir -p bench
	@for name in $(BENCHMARKS); do \
		echo "== $$name"; \
		$(VENV)/bin/python benchmarks/$$name.py --quick --json bench/$$name.json || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(INSTALLED)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# One pip call resolves everything together: a package installed later could replace numpy or
# protobuf and break TensorFlow.
$(INSTALLED): requirements.txt setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { \
		echo "No CPython 3.11 found: TensorFlow 2.15 runs on no newer one."; \
		echo "Install it (Debian 12: apt-get install python3.11-venv; others: pyenv install 3.11)"; \
		echo "or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: its venv module is missing."; \
		echo "Install it (Debian and Ubuntu: apt-get install python3.11-venv)."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet -r requirements.txt -e .
	@touch $@

clean:
	rm -rf $(VENV) demo bench build *.egg-info .pytest_cache .ruff_cache
