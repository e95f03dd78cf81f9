import onnx
import pytest

from dynanoise_export import __version__
from support.program import imported

APP = "dynanoise_cli.app"
# Each of these takes a second or more to import.
HEAVY = [
    "torch",
    "onnxruntime",
    "transformers",
    "sklearn",
    "onnx",
    "onnx_ir",
    "tensorrt_rtx",
    "polygraphy",
    "tritonclient",
]


@pytest.mark.parametrize(
    "command", [[], ["export"], ["inspect"], ["validate"], ["attack"], ["bench"], ["compile"], ["triton"], ["demo"]]
)
def test_help_imports_nothing_heavy(command):
    written, heavy = imported(APP, [*command, "--help"], HEAVY)
    assert "Usage: dynanoise-export" in written
    assert heavy == []


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
    for command in ("export", "inspect", "validate", "attack", "bench", "compile", "triton", "demo"):
        assert command in written.out + written.err


def test_an_unknown_option_is_a_usage_error(program):
    assert program("export", "model.pt", "-o", "x.onnx", "--sigma", "1").status == 2
