import gc

import onnxruntime
import pytest
import torch

from dynanoise_export.sources import exported_program, torchscript
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.confined import open_here
from support.program import Program

# They take longest. pytest-xdist gives whole files to its workers: begun late, one would keep a worker busy alone.
LONGEST = [
    "end_to_end/test_docs.py",
    "dynanoise_models/test_every_target.py",
    "shadows/test_make_shadows.py",
    "fuzz/test_models.py",
    "fuzz/test_data.py",
    "end_to_end/test_light_install.py",
    "end_to_end/test_wheel.py",
    "end_to_end/test_examples.py",
]


def place(path):
    """Give the place of a file among the longest; all others come after them."""
    name = f"{path.parent.name}/{path.name}"
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(items):
    """Begin with the longest files."""
    items.sort(key=lambda item: place(item.path))


def pytest_collection_finish():
    """Keep what was imported and collected out of all later garbage collections, which take a fifth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def onnxruntime_draws_the_same_noise_in_every_run():
    """Let each session of this process begin with the same noise, so that no test fails by chance.

    Sessions of one process begin with the same noise anyway; without a seed, it comes from the clock. Other processes
    keep noise of their own.
    """
    onnxruntime.set_seed(1)


@pytest.fixture(autouse=True, scope="session")
def own_settings(tmp_path_factory):
    """Keep the key of cached answers out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture(autouse=True)
def no_confined_processes(request, monkeypatch):
    """Open PyTorch files in this process, but for tests of confinement: a process of their own takes seconds."""
    if request.node.get_closest_marker("confined") is None:
        for module in (exported_program, torchscript):
            monkeypatch.setattr(module, "open_confined", open_here)


@pytest.fixture
def program(monkeypatch, capsys):
    """Give the program `dynanoise-export`, to call with its arguments."""
    monkeypatch.setenv("COLUMNS", "200")
    return Program("dynanoise_cli.app", monkeypatch, capsys)


@pytest.fixture
def models_program(monkeypatch, capsys):
    """Give the program `dynanoise-models`, to call with its arguments."""
    monkeypatch.setenv("COLUMNS", "200")
    return Program("dynanoise_cli.models.app", monkeypatch, capsys)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Give a checkpoint of the digits target, untrained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "digits.pt"
    save_checkpoint(path, "digits-mlp", {}, TARGETS["digits-mlp"].make())
    return path
