"""The scripts in `examples/`, run as a user runs them, without a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
LINES = 80

# The last line that each prints: what the user wants to know.
LAST = {
    "image_classifier.py": "accuracy on rows outside the training set: 0.",
    "tabular_classifier.py": "release it",
    "text_classifier.py": "'i found this song great' is good: 0.",
}

# Python runs a module of this name when it starts. ONNX Runtime and PyTorch open no sockets of their own.
NO_NETWORK = """
import socket

def refuse(*arguments, **named):
    raise OSError("an example must not use the network")

socket.socket.connect = socket.getaddrinfo = refuse
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_runs_without_a_network(script, tmp_path):
    (tmp_path / "no_network").mkdir()
    (tmp_path / "no_network" / "sitecustomize.py").write_text(NO_NETWORK)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "no_network"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, EXAMPLES / script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *_, last = ended.stdout.splitlines()
    assert last.startswith(LAST[script])
    assert "validated: passed" in ended.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_is_short(script):
    assert len((EXAMPLES / script).read_text(encoding="utf-8").splitlines()) < LINES


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_readme_of_the_examples_names_each(script):
    assert f"python examples/{script}" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
