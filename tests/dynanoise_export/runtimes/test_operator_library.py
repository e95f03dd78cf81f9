import sys
from types import ModuleType

import pytest

from dynanoise_export.errors import MissingPackageError, UsageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Life, Strength, judgement
from dynanoise_export.onnx_functions import VERSION
from dynanoise_export.runtimes import operator_library
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor, where_of
from dynanoise_export.runtimes.operator_library import operators, operators_for
from dynanoise_export.runtimes.provider import Execution, Provider, chosen_execution


@pytest.fixture
def installed(monkeypatch, tmp_path):
    package = ModuleType(operator_library.PACKAGE)
    package.__spec__ = object()
    package.library = lambda: tmp_path / "library.so"
    package.providers = lambda: ("cpu",)
    package.DOMAIN_VERSION = VERSION
    monkeypatch.setitem(sys.modules, operator_library.PACKAGE, package)
    return tmp_path / "library.so"


def test_without_the_package_the_error_says_so(monkeypatch):
    monkeypatch.setattr(operator_library, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="dynanoise-export-operators"):
        operators()


def test_the_library_is_that_of_the_package(installed):
    assert operators() == operators_for(Provider.CPU) == installed


@pytest.mark.usefixtures("installed")
def test_a_package_for_other_functions_is_refused(monkeypatch):
    monkeypatch.setattr(sys.modules[operator_library.PACKAGE], "DOMAIN_VERSION", VERSION - 1)
    with pytest.raises(MissingPackageError):
        operators()


@pytest.mark.usefixtures("installed")
def test_a_library_that_was_built_without_cuda_is_refused_there():
    with pytest.raises(MissingPackageError):
        operators_for(Provider.CUDA)


def test_the_operators_run_on_the_cpu_unless_a_provider_is_chosen():
    assert chosen_execution(None, operators=True) == Execution(Provider.CPU, operators=True)
    assert chosen_execution(Provider.CUDA, operators=True) == Execution(Provider.CUDA, operators=True)
    with pytest.raises(UsageError):
        chosen_execution(Provider.TENSORRT, operators=True)


def test_a_session_without_the_package_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(operator_library, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError):
        OnnxRuntimePredictor(tmp_path / "defended.onnx", execution=Execution(operators=True))


@pytest.mark.parametrize("noise", NoiseSource)
def test_their_noise_is_judged_by_a_row_of_its_own(noise):
    judged = judgement(noise, where_of(Execution(operators=True)))
    assert judged.life is Life.ALIVE
    assert judged.strength is (Strength.AS_FED if noise is NoiseSource.INPUT else Strength.STRONG)
