# Two commands: `make demo` plays a real failover drill, `make test` runs every test. Both set themselves up.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

# a venv keeps the Python that made it
ifeq ($(origin PYTHON)$(filter clean,$(MAKECMDGOALS)),command line)
ifneq ($(shell [ ! -e $(VENV)/made ] || [ "$$($(PYTHON) -V)" = "$$($(BIN)/python -V)" ] || echo another),)
$(error $(VENV) was made by another Python than $(PYTHON): `make clean` first, or give a VENV of its own)
endif
endif

.PHONY: demo test mutants soak lint bench example clean

demo: $(VENV)/lab
	@$(BIN)/gameday demo $(DEMO)

# tests that measure time run alone at the end; with ARGS all run one after the other
test: $(VENV)/dev
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile -m "not alone"
	@$(BIN)/python -m pytest -m alone
endif

# changes the code that judges and logs, a little at a time: the quick tests must notice; ARGS=loss for one module
mutants: $(VENV)/dev
	@$(BIN)/python -m tests.mutants.run $(ARGS)

soak: $(VENV)/dev
	@$(BIN)/python -m pytest -m soak $(ARGS)

lint: $(VENV)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/dev
	@$(BIN)/python benchmarks/run.py $(ARGS)

# the pack that newcomers look at; run it again when the report changes
example: $(VENV)/lab
	@rm -rf results/example results/.new
	@$(BIN)/gameday demo --plain --results results/.new
	@mv results/.new/* results/example && rmdir results/.new && rm -f results/example/.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit("gameday needs Python 3.11 to 3.13, not " + sys.version.split()[0] \
	    + "; try make PYTHON=python3.12" if not (3, 11) <= sys.version_info < (3, 14) else 0)'
	@echo "setting up $(VENV) with $$($(PYTHON) -V) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/lab: pyproject.toml | $(VENV)/made
	@echo "installing gameday and what the demo needs, once: a minute or two, 750 MB in $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lab]'
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/made
	@echo "installing gameday and what the tests need, once: a minute or two, 1.1 GB in $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/lab
