"""The GPU of this machine, as its driver reports it."""

import ctypes
import sys

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of CUDA's driver API.
MAJOR, MINOR = 75, 76


def compute_capability() -> str | None:
    """Ask the driver for the compute capability of the first GPU, as in 8.9; None without a GPU or a driver."""
    try:
        driver = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), MINOR, device)
    )
    return None if failed else f"{major.value}.{minor.value}"
