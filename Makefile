# Each target makes its own environment when there is none. Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
IMAGES ?= demo
SERVE  ?= 1
PORT   ?= 7860

.PHONY: demo test lint fix bench lock clean

demo: $(VENV)/.runtime
	@IMAGE_SIMILARITY_PORT="$(PORT)" $(BIN)/python scripts/demo.py --images "$(IMAGES)" $(if $(filter 0,$(SERVE)),--no-serve)

# Idle OpenMP threads that spin make tests several times slower where cores are shared.
# Which tests stay in one process says tests/conftest.py; in the order of the files, so that those of
# minutes come early. A process takes about a gigabyte: many cores do not mean many processes.
PYTEST_PROCESSES := -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

test: lint
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest $(PYTEST_PROCESSES)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python scripts/benchmark.py index

# torch and torchvision stand in one command with their exact versions: a resolver that sees
# them apart may take another build of torch.
$(VENV)/.runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV) (a minute or two the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

COMPILE := $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --no-header --no-annotate \
           --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# pip-compile resolves for the Python and the machine that it runs on. A local build tag such as
# +cpu is of one machine's wheel: the locks name the plain version. And what py7zr needs below
# Python 3.14 alone, where it is the standard library's, cannot be installed from there on.
PORTABLE := sed -i -e 's/+cpu$$//' -e 's/^backports-zstd==[^ ]*$$/& ; python_version < "3.14"/'

lock: $(VENV)/.dev
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(PORTABLE) requirements.lock
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(PORTABLE) requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
