# Everything a newcomer needs: `make demo` and `make test`. `make install` prepares .venv and nothing else.
VENV   := .venv
PYTHON ?= python3
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
ARGS   ?=

.PHONY: install demo chaos bench test check format docs reference quality experiments clean

install: $(STAMP)

$(STAMP): pyproject.toml client/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt --editable client --editable ".[dev]"
	touch $@

demo: install
	$(VENV)/bin/svq demo $(ARGS)

# A stack under faults for ten minutes, then proof that nothing was lost. ARGS="--minutes 2 --seed 7 --json".
chaos: install
	$(VENV)/bin/svq chaos $(ARGS)

# How fast each part is beside its limit or rival, in the same run. ARGS="--json --quick", ARGS="assign retrieve".
bench: install
	$(VENV)/bin/svq bench $(ARGS)

check: install
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: check
	$(VENV)/bin/pytest --numprocesses 2 --dist loadfile $(ARGS)

format: install
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

# The documentation as a site, in build/site; its search needs a server: `.venv/bin/mkdocs serve`.
docs: install
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

# The pages of docs/reference, from the code: a test fails while they say something else.
reference: install
	$(PY) -m infra.reference

# docs/quality.md and its plots, from the results stored in benchmarks/results.
quality: install
	$(PY) -m benchmarks.report

# Hours on one core. ARGS="--data FOLDER" reads the public sets from there, "--rows 50000 --sample 128" makes it shorter.
experiments: install
	$(VENV)/bin/svq experiment run all --out benchmarks/results/experiments $(ARGS)
	$(PY) -m benchmarks.report

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
