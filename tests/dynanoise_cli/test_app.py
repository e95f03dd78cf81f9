import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from dynanoise_cli import export
from dynanoise_export import DynaNoise, __version__
from dynanoise_export.defences.catalogue import DEFENCES
from support.program import imported

APP = "dynanoise_cli.app"
BIN = Path(sys.executable).parent
# Each of these takes a second or more to import.
HEAVY = [
    "torch",
    "onnxruntime",
    "transformers",
    "sklearn",
    "onnx",
    "onnx_ir",
    "onnxscript",
    "tensorrt_rtx",
    "polygraphy",
    "tritonclient",
]


COMMANDS = ["export", "inspect", "validate", "attack", "bench", "compile", "triton", "demo"]


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_help_imports_nothing_heavy(command):
    written, heavy = imported(APP, [*command, "--help"], HEAVY)
    assert "Usage: dynanoise-export" in written
    assert heavy == []


def test_the_help_of_export_gives_the_defaults_of_dynanoise(program):
    default = DynaNoise()
    expected = (default.sigma0**2, default.lambda_, default.temperature)
    assert tuple(export.DEFAULTS.values()) == pytest.approx(expected)
    shown = " ".join(program("export", "--help").out.split())
    assert all(f"{name} {value:g}" in shown for name, value in export.DEFAULTS.items())


@pytest.mark.parametrize("command", ["export", "validate", "attack"])
def test_the_help_lists_the_defences(program, command):
    shown = " ".join(program(command, "--help").out.split())
    assert all(f"{name}, " in shown or f"{name}." in shown for name in DEFENCES.names())


@pytest.mark.parametrize(("word", "meant"), [("atack", "attack"), ("validat", "validate"), ("exprot", "export")])
def test_a_mistyped_command_is_no_file(program, tmp_path, word, meant):
    ended = program(word, tmp_path / "x.onnx")
    assert ended.status == 2
    assert meant in ended.err


def test_a_file_may_have_almost_the_name_of_a_command(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atack").write_bytes(b"")
    assert "attack" not in program("atack", "-o", "made.onnx").err


def test_an_onnx_file_is_exported_and_inspected_without_pytorch(tmp_path):
    plain, defended = tmp_path / "plain.onnx", tmp_path / "defended.onnx"
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,3] x) => (float[n,3] z) { z = Softmax <axis = 1> (x) }'
    )
    onnx.save(model, plain)
    assert imported(APP, [plain, "-o", defended], ["torch", "transformers"])[1] == []
    assert imported(APP, ["inspect", defended], ["torch", "transformers"])[1] == []


def test_the_version_is_the_packages(program):
    assert program("--version").out.strip() == __version__


def test_without_arguments_it_shows_the_commands(program):
    written = program()
    for command in COMMANDS:
        assert command in written.out + written.err


def test_an_unknown_option_is_a_usage_error(program):
    assert program("export", "model.pt", "-o", "x.onnx", "--sigma", "1").status == 2


def shell(*command, **environment):
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=True)
    return ended.stdout


def test_python_runs_the_package_as_the_program():
    assert shell(sys.executable, "-m", "dynanoise_export", "--version").strip() == __version__


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dynanoise-export val", {"validate"}),
        ("dynanoise-export export --prec", {"--precision"}),
        ("dynanoise-export model.pt --prec", {"--precision"}),  # export is the default command
        ("dynanoise-export model.pt --noise ", {"random", "input", "keyed"}),
    ],
)
def test_the_shell_completes_commands_and_options(typed, offered):
    variables = {"COMP_WORDS": typed, "COMP_CWORD": f"{len(typed.split(' ')) - 1}"}
    written = shell(BIN / "dynanoise-export", _DYNANOISE_EXPORT_COMPLETE="complete_bash", **variables)
    assert set(written.split()) == offered


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_installed(tmp_path, name):
    # Without this the options look for the shell among the parent processes, which may be make's.
    environment = {"HOME": f"{tmp_path}", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    for option in ("--show-completion", "--install-completion"):
        assert shell(BIN / "dynanoise-export", option, name, **environment)
    assert any("dynanoise-export" in path.name for path in tmp_path.rglob("*"))
