import sys
from types import ModuleType

import pytest

from dynanoise_export.errors import MissingPackageError, UsageError
from dynanoise_export.runtimes import operator_library
from dynanoise_export.runtimes.operator_library import operators, operators_for
from dynanoise_export.runtimes.provider import Execution, Provider, chosen_execution


@pytest.fixture
def installed(monkeypatch, tmp_path):
    package = ModuleType(operator_library.PACKAGE)
    package.__spec__ = object()
    package.library = lambda: tmp_path / "library.so"
    package.providers = lambda: ("cpu",)
    monkeypatch.setitem(sys.modules, operator_library.PACKAGE, package)
    return tmp_path / "library.so"


def test_without_the_package_the_error_says_so(monkeypatch):
    monkeypatch.setattr(operator_library, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="dynanoise-export-operators"):
        operators()


def test_the_library_is_that_of_the_package(installed):
    assert operators() == operators_for(Provider.CPU) == installed


@pytest.mark.usefixtures("installed")
def test_a_library_that_was_built_without_cuda_is_refused_there():
    with pytest.raises(MissingPackageError):
        operators_for(Provider.CUDA)


def test_the_operators_run_on_the_cpu_unless_a_provider_is_chosen():
    assert chosen_execution(None, operators=True) == Execution(Provider.CPU, operators=True)
    assert chosen_execution(Provider.CUDA, operators=True) == Execution(Provider.CUDA, operators=True)
    with pytest.raises(UsageError):
        chosen_execution(Provider.TENSORRT, operators=True)


def test_the_program_reports_the_missing_package_on_one_line(monkeypatch, program, checkpoint, tmp_path):
    monkeypatch.setattr(operator_library, "find_spec", lambda name: None)
    assert program(checkpoint, "-o", tmp_path / "defended.onnx").status == 0
    ended = program("bench", tmp_path / "defended.onnx", "--operators", "--pairs", 10)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert "dynanoise-export-operators" in ended.err
