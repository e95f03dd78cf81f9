import importlib.util
import sys

import pytest
import tensorrt_rtx

from dynanoise_export.errors import MissingPackageError, UsageError
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.tensorrt import backend as backends
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend, installed_backend, require_backend


def installed(monkeypatch, *modules):
    monkeypatch.setattr(
        backends, "find_spec", lambda name: importlib.util.find_spec("sys") if name in modules else None
    )


def test_the_module_of_tensorrt_rtx_is_imported_and_polygraphy_uses_it():
    assert require_backend(TensorRTBackend.RTX) is tensorrt_rtx
    from polygraphy.backend.trt import util

    assert util.trt.Builder is tensorrt_rtx.Builder


@pytest.mark.parametrize(
    ("modules", "chosen"),
    [
        (["tensorrt_rtx"], TensorRTBackend.RTX),
        (["tensorrt"], TensorRTBackend.TENSORRT),
        (["tensorrt", "tensorrt_rtx"], TensorRTBackend.TENSORRT),
    ],
)
def test_the_installed_one_is_chosen(monkeypatch, modules, chosen):
    installed(monkeypatch, *modules)
    assert installed_backend() is chosen


def test_without_either_the_error_names_both_packages(monkeypatch):
    installed(monkeypatch)
    with pytest.raises(MissingPackageError, match=r"\[tensorrt\].*\[tensorrt-rtx\]"):
        installed_backend()


@pytest.mark.parametrize("backend", TensorRTBackend)
@pytest.mark.parametrize("modules", [[], ["polygraphy"], ["tensorrt", "tensorrt_rtx"]])
def test_the_error_names_a_missing_package(monkeypatch, backend, modules):
    installed(monkeypatch, *modules)
    with pytest.raises(MissingPackageError, match=rf"dynanoise-export\[{backend}\]"):
        require_backend(backend)


def test_a_process_uses_one_of_the_two(monkeypatch):
    require_backend(TensorRTBackend.RTX)
    import polygraphy.backend.trt  # noqa: F401

    installed(monkeypatch, "polygraphy", "tensorrt")
    with pytest.raises(UsageError):
        require_backend(TensorRTBackend.TENSORRT)


def test_libraries_that_can_t_be_loaded_are_an_error(monkeypatch, tmp_path):
    (tmp_path / "tensorrt_rtx.py").write_text("raise OSError('libnvinfer.so: cannot open')")
    monkeypatch.delitem(sys.modules, "tensorrt_rtx")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match=r"libnvinfer\.so: cannot open"):
        require_backend(TensorRTBackend.RTX)


def test_each_has_a_row_in_the_table_of_noise_strength():
    assert [backend.where for backend in TensorRTBackend] == [Where.TENSORRT, Where.TENSORRT_RTX]
