import subprocess
import sys

import pytest

from dynanoise_export import __version__

# Each of these takes a second or more to import.
HEAVY = ["torch", "onnxruntime", "transformers", "sklearn", "onnx", "onnx_ir"]
HELP = """
import sys
from dynanoise_cli.app import main
sys.argv = ["dynanoise-export", *{arguments!r}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("HEAVY:", [name for name in {heavy!r} if name in sys.modules])
"""


@pytest.mark.parametrize("arguments", [["--help"], ["export", "--help"], ["inspect", "--help"], ["demo", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    script = HELP.format(arguments=arguments, heavy=HEAVY)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage: dynanoise-export" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "HEAVY: []"


def test_the_version_is_the_packages(program):
    assert program("--version").out.strip() == __version__


def test_without_arguments_it_shows_the_commands(program):
    written = program()
    for command in ("export", "inspect", "demo"):
        assert command in written.out + written.err


def test_an_unknown_option_is_a_usage_error(program):
    assert program("export", "model.pt", "-o", "x.onnx", "--sigma", "1").status == 2
