import onnxruntime
import pytest
import torch

from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.program import Program

# They take longest. pytest-xdist gives whole files to its workers: begun late, one would keep a worker busy alone.
LONGEST = ["test_docs.py", "test_every_target.py", "test_docs_of_models.py", "test_wheel.py"]


def pytest_collection_modifyitems(items):
    """Begin with the longest files."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True, scope="session")
def onnxruntime_draws_the_same_noise_in_every_run():
    """Let each session of this process begin with the same noise, so that no test fails by chance.

    Sessions of one process begin with the same noise anyway; without a seed, it comes from the clock. Other processes
    keep noise of their own.
    """
    onnxruntime.set_seed(1)


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
