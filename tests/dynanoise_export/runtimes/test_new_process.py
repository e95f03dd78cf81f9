import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.clean_path import SAFE_PATH, clean_path
from dynanoise_export.runtimes.new_process import predict_in_new_process
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.provider import ON_CPU

# A script that a user writes: its code is not behind `if __name__ == "__main__"`, and must run once.
SCRIPT = """
import sys
from pathlib import Path

import numpy as np

from dynanoise_export.runtimes.new_process import predict_in_new_process
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.provider import ON_CPU

print("started")
endpoint = OnnxRuntimeEndpoint(Path(sys.argv[1]), ON_CPU)
print(predict_in_new_process(endpoint, {"x": np.ones((3, 2), np.float32)}, "y").tolist())
"""


@pytest.fixture
def doubling(tmp_path):
    """Give a model that doubles its input."""
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n, 2] x) => (float[n, 2] y) { y = Add (x, x) }'
    )
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_a_script_without_a_guard_runs_once(doubling, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "script.py", doubling]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"started\n{[[2.0, 2.0]] * 3}\n"


def test_an_error_in_the_process_is_raised_here():
    with pytest.raises(UserError):
        predict_in_new_process(OnnxRuntimeEndpoint(Path("missing.onnx"), ON_CPU), {}, "y")


# Modules that a new Python imports before it runs anything of ours.
FIRST = ["multiprocessing", "json", "os", "signal", "pickle", "numpy", "joblib", "onnxruntime", "cloudpickle"]


def test_nothing_is_imported_from_the_current_folder(doubling, tmp_path, monkeypatch):
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in FIRST:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    monkeypatch.chdir(folder)
    endpoint = OnnxRuntimeEndpoint(doubling, ON_CPU)
    answers = predict_in_new_process(endpoint, {"x": np.ones((3, 2), np.float32)}, "y")
    assert answers.tolist() == [[2, 2]] * 3
    program = [sys.executable, "-m", "dynanoise_export", "--version"]
    assert subprocess.run(program, capture_output=True, text=True).returncode == 0
    assert not (tmp_path / "imported").exists()


def test_the_environment_is_as_before(monkeypatch):
    monkeypatch.delenv(SAFE_PATH, raising=False)
    with clean_path():
        assert os.environ[SAFE_PATH] == "1"
    assert SAFE_PATH not in os.environ
    monkeypatch.setenv(SAFE_PATH, "yes")
    with clean_path():
        pass
    assert os.environ[SAFE_PATH] == "yes"
