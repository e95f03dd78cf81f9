import pytest

from dynanoise_export import __version__
from support.program import imported

HEAVY = ["torch", "onnxruntime", "transformers", "sklearn", "onnx", "onnx_ir", "joblib"]


@pytest.mark.parametrize("command", [[], ["list"], ["train"], ["shadows"]])
def test_help_imports_nothing_heavy(command):
    written, heavy = imported("dynanoise_cli.models.app", [*command, "--help"], HEAVY)
    assert "Usage: dynanoise-models" in written
    assert heavy == []


def test_the_version_is_that_of_the_package(models_program):
    assert models_program("--version").out.strip() == __version__


def test_without_arguments_it_shows_the_commands(models_program):
    written = models_program()
    for command in ("list", "train", "shadows"):
        assert command in written.out + written.err


def test_a_shell_can_complete_commands(models_program):
    assert "--install-completion" in models_program("--help").out
