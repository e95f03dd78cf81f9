"""A classifier in a process of its own, and what becomes of it when that process ends or lies."""

import gc
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest
import torch

from dynanoise_export.errors import FormatError, ModelInputError, UnsupportedModelError, UntrustedCodeError
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.sources.confined import confined_module
from dynanoise_export.sources.confined.exchange import Answer, Format, Question, receive_answer, receive_question, send
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits
from support.modules import PerRow, Small, seeded

pytestmark = [
    pytest.mark.confined,
    pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save one module as TorchScript and as a program."""
    folder = tmp_path_factory.mktemp("saved")
    module = seeded(Small)
    torch.jit.trace(module, torch.randn(2, 3, 8, 8)).save(folder / "model.pt")
    rows = torch.export.Dim("rows")
    torch.export.save(
        torch.export.export(module, (torch.randn(2, 3, 8, 8),), dynamic_shapes=({0: rows},)), folder / "model.pt2"
    )
    return module, folder


@pytest.mark.parametrize("name", ["model.pt", "model.pt2"])
def test_a_confined_module_is_exported_like_any_other(tmp_path, saved, name):
    module, folder = saved
    made = defended(folder / name, tmp_path)
    assert made.exported.source.inputs == (TensorSpec("image", "float32", ("batch", 3, 8, 8)),)
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)))


def test_its_process_answers_until_it_is_killed_and_leaves_nothing(saved):
    module, folder = saved
    source = open_source(folder / "model.pt")
    process, own = source.module._process, source.module._folder
    with Reference(source) as reference:
        answers = reference.logits(source.example)
    np.testing.assert_allclose(answers, module_logits(module)(source.example), atol=1e-5)
    with pytest.raises(FailedRunError, match=r"image \[2, 3\]"):
        source.module.run({"image": np.ones((2, 3), np.float32)})
    assert process.poll() is None
    assert own.exists()
    os.kill(process.pid, signal.SIGSEGV)
    for _ in range(2):
        with pytest.raises(UnsupportedModelError, match="SIGSEGV") as error:
            source.module.run(source.example)
        assert len(str(error.value).splitlines()) == 1
    assert process.poll() is not None
    assert not own.exists()


def test_a_file_that_takes_too_long_to_load_is_stopped(saved, monkeypatch):
    monkeypatch.setattr(confined_module, "LOADING_SECONDS", 0)
    with pytest.raises(UnsupportedModelError, match=r"model\.pt"):
        open_source(saved[1] / "model.pt")


def test_nothing_of_the_working_folder_is_imported_and_errors_name_the_file_as_the_user_did(tmp_path, monkeypatch):
    for name in ("multiprocessing", "numpy", "torch", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'payload')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", ".")
    torch.jit.script(seeded(PerRow)).save("model.pt")
    with pytest.raises(ModelInputError, match=r"^model\.pt"):
        open_source(Path("model.pt"))
    assert not (tmp_path / "payload").exists()


def test_its_process_ends_with_the_source(saved):
    source = open_source(saved[1] / "model.pt")
    process, own = source.module._process, source.module._folder
    del source
    gc.collect()
    assert process.poll() is not None
    assert not own.exists()


LIARS = {
    "no JSON": "connection.send_bytes(b'{')",
    "no record": "connection.send_bytes(b'[]')",
    "an array of objects": """connection.send_bytes(
        b'{"answer": {}, "arrays": [{"name": "y", "dtype": "object", "shape": [1]}]}')""",
    "an array that is too short": """connection.send_bytes(
        b'{"answer": {}, "arrays": [{"name": "y", "dtype": "int8", "shape": [9]}]}'); connection.send_bytes(b'x')""",
    "an input of no type": """connection.send_bytes(
        b'{"answer": {"inputs": [{"name": "x", "dtype": "nothing", "shape": [1]}]}}')""",
    "a negative size": """connection.send_bytes(
        b'{"answer": {}, "arrays": [{"name": "y", "dtype": "int8", "shape": [-1]}]}')""",
}


@pytest.mark.parametrize("lie", LIARS.values(), ids=LIARS)
def test_answers_of_another_form_are_refused(tmp_path, monkeypatch, lie):
    """The process may be in the hands of the file's author."""

    def start(folder, memory):
        ours, theirs = Pipe()
        code = (
            "import sys; from multiprocessing.connection import Connection; connection = Connection(int(sys.argv[1]))\n"
            f"connection.recv_bytes()\n{lie}\nconnection.recv_bytes()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs.fileno())], pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL
        )
        theirs.close()
        return ours, process

    monkeypatch.setattr(confined_module, "_start", start)
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(FormatError, match=r"model\.pt"):
        confined_module.open_confined(tmp_path / "model.pt", Format.TORCHSCRIPT)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float16", "float32"])
def test_arrays_pass_as_they_are(dtype, shape):
    ours, theirs = Pipe()
    with ours, theirs:
        array = np.ones(shape, dtype)
        send(ours, Question(task="run"), {"x": array})
        _, received = receive_question(theirs)
        send(theirs, Answer(), received)
        _, back = receive_answer(ours)
    assert back["x"].dtype == array.dtype
    np.testing.assert_array_equal(back["x"], array)


def test_refused_code_is_refused_there_too(tmp_path):
    class Saving(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "payload")
            return x

    torch.jit.script(Saving()).save(tmp_path / "model.pt")
    with pytest.raises(UntrustedCodeError, match=r"save"):
        open_source(tmp_path / "model.pt", SourceOptions(inputs=(TensorSpec("x", "float32", (2, 3)),)))
