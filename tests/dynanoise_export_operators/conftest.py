import shutil
import subprocess
import sys

import pytest

from support.source_code import ROOT

SOURCE = ROOT / "operators"


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build the package as its wheel holds it, for the CPU alone."""
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        pytest.skip("the operators need cmake and a C++ compiler to build")
    folder = tmp_path_factory.mktemp("operators")
    steps = [
        ["cmake", "-S", SOURCE, "-B", folder / "build", "-DDYNANOISE_CUDA=OFF"],
        ["cmake", "--build", folder / "build", "--parallel", "2"],
        ["cmake", "--install", folder / "build", "--prefix", folder / "site"],
    ]
    for step in steps:
        subprocess.run(step, check=True, capture_output=True)
    shutil.copy(SOURCE / "dynanoise_export_operators" / "__init__.py", folder / "site" / "dynanoise_export_operators")
    return folder / "site"


@pytest.fixture
def installed(built, monkeypatch):
    """Let the package be found, in this process and in those that it starts."""
    monkeypatch.syspath_prepend(str(built))
    monkeypatch.setenv("PYTHONPATH", str(built))
    yield
    sys.modules.pop("dynanoise_export_operators", None)
