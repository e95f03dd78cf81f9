import importlib.util
import sys

import pytest
import tensorrt_rtx

from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.tensorrt import backend as backends
from dynanoise_export.runtimes.tensorrt.backend import Backend, installed_backend, require_backend


def installed(monkeypatch, *modules):
    monkeypatch.setattr(
        backends, "find_spec", lambda name: importlib.util.find_spec("sys") if name in modules else None
    )


def test_the_module_of_tensorrt_rtx_is_imported_and_polygraphy_takes_it():
    assert require_backend(Backend.RTX) is tensorrt_rtx
    from polygraphy.backend.trt import util

    assert util.trt.Builder is tensorrt_rtx.Builder


@pytest.mark.parametrize(
    ("modules", "chosen"),
    [
        (["tensorrt_rtx"], Backend.RTX),
        (["tensorrt"], Backend.TENSORRT),
        (["tensorrt", "tensorrt_rtx"], Backend.TENSORRT),
    ],
)
def test_the_one_that_is_installed_is_chosen(monkeypatch, modules, chosen):
    installed(monkeypatch, *modules)
    assert installed_backend() is chosen


def test_without_either_both_ways_out_are_told(monkeypatch):
    installed(monkeypatch)
    with pytest.raises(UserError, match=r"dynanoise-export\[tensorrt\]' or .*dynanoise-export\[tensorrt-rtx\]'\.$"):
        installed_backend()


@pytest.mark.parametrize("backend", Backend)
@pytest.mark.parametrize("modules", [[], ["polygraphy"], ["tensorrt", "tensorrt_rtx"]])
def test_a_missing_package_is_told(monkeypatch, backend, modules):
    installed(monkeypatch, *modules)
    with pytest.raises(UserError, match=rf"is not installed: pip install 'dynanoise-export\[{backend}\]'\.$"):
        require_backend(backend)


def test_a_process_takes_one_of_the_two(monkeypatch):
    require_backend(Backend.RTX)
    import polygraphy.backend.trt  # noqa: F401

    installed(monkeypatch, "polygraphy", "tensorrt")
    with pytest.raises(UserError, match=r"^This process has taken the other of the two"):
        require_backend(Backend.TENSORRT)


def test_libraries_that_can_t_be_loaded_are_told(monkeypatch, tmp_path):
    (tmp_path / "tensorrt_rtx.py").write_text("raise OSError('libnvinfer.so: cannot open')")
    monkeypatch.delitem(sys.modules, "tensorrt_rtx")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"TensorRT-RTX can't be loaded \(libnvinfer\.so: cannot open\): pip install"):
        require_backend(Backend.RTX)
