import pytest
import torch

from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.program import Program


@pytest.fixture
def program(monkeypatch, capsys):
    """Give the program `dynanoise-export`, to be called with its arguments."""
    monkeypatch.setenv("COLUMNS", "200")
    return Program("dynanoise_cli.app", monkeypatch, capsys)


@pytest.fixture
def models_program(monkeypatch, capsys):
    """Give the program `dynanoise-models`, likewise."""
    monkeypatch.setenv("COLUMNS", "200")
    return Program("dynanoise_cli.models.app", monkeypatch, capsys)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Give a checkpoint of the digits target, untrained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "digits.pt"
    save_checkpoint(path, "digits-mlp", {}, TARGETS["digits-mlp"].make())
    return path
