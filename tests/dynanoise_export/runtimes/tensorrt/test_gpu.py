import ctypes

import pytest

from dynanoise_export.runtimes.tensorrt import gpu


class Driver:
    """The calls of CUDA's driver API that are used; each returns its status."""

    def __init__(self, failing: str = ""):
        self.failing = failing

    def cuInit(self, flags):  # noqa: N802
        return self.status("cuInit")

    def cuDeviceGet(self, device, ordinal):  # noqa: N802
        assert ordinal == 0
        device._obj.value = 7
        return self.status("cuDeviceGet")

    def cuDeviceGetAttribute(self, value, attribute, device):  # noqa: N802
        assert device.value == 7
        value._obj.value = {75: 8, 76: 9}[attribute]
        return self.status("cuDeviceGetAttribute")

    def status(self, call):
        return 100 if call == self.failing else 0  # CUDA_ERROR_NO_DEVICE


def test_the_driver_gives_the_compute_capability(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver())
    assert gpu.compute_capability() == "8.9"


@pytest.mark.parametrize("call", ["cuInit", "cuDeviceGet", "cuDeviceGetAttribute"])
def test_a_call_that_fails_means_no_gpu(monkeypatch, call):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(call))
    assert gpu.compute_capability() is None


def test_a_missing_driver_means_no_gpu(monkeypatch):
    monkeypatch.setattr(gpu, "LIBRARY", "no-such-library.so")
    assert gpu.compute_capability() is None
