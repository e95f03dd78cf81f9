"""TensorRT and TensorRT-RTX: one API under two module names. Polygraphy wraps both."""

import importlib
import sys
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

from dynanoise_export.errors import MissingPackageError, UsageError
from dynanoise_export.noise.strength import Where


class TensorRTBackend(StrEnum):
    """What builds a plan and runs it."""

    TENSORRT = "tensorrt"
    RTX = "tensorrt-rtx"

    @property
    def product(self) -> str:
        """Its name for people."""
        return "TensorRT" if self is TensorRTBackend.TENSORRT else "TensorRT-RTX"

    @property
    def module(self) -> str:
        """The name of its Python module."""
        return self.value.replace("-", "_")

    @property
    def where(self) -> Where:
        """The row of the table of noise strength that applies."""
        return Where.TENSORRT if self is TensorRTBackend.TENSORRT else Where.TENSORRT_RTX


def installed_backend() -> TensorRTBackend:
    """Choose the installed backend, TensorRT before TensorRT-RTX.

    Raises:
        MissingPackageError: neither is installed.
    """
    for backend in TensorRTBackend:
        if find_spec(backend.module):
            return backend
    raise MissingPackageError(
        f"Neither TensorRT nor TensorRT-RTX is installed: {' or '.join(map(_install, TensorRTBackend))}."
    )


def require_backend(backend: TensorRTBackend) -> Any:
    """Import a backend's module, and make Polygraphy use it.

    Raises:
        MissingPackageError: it is not installed, or can't be loaded.
        UsageError: this process already uses the other backend.
    """
    if not find_spec(backend.module) or not find_spec("polygraphy"):
        raise MissingPackageError(f"{backend.product} is not installed: {_install(backend)}.")
    from polygraphy import config

    rtx = backend is TensorRTBackend.RTX
    if "polygraphy.backend.trt" in sys.modules and rtx != config.USE_TENSORRT_RTX:
        other = next(each for each in TensorRTBackend if each is not backend)
        raise UsageError(f"This process already uses {other.product}: start a new process for {backend.product}.")
    config.USE_TENSORRT_RTX = rtx  # Polygraphy reads it when its other modules are imported
    try:
        return importlib.import_module(backend.module)
    except (ImportError, OSError) as error:  # importing it loads its libraries
        raise MissingPackageError(f"{backend.product} can't be loaded ({error}): {_install(backend)}.") from error


def _install(backend: TensorRTBackend) -> str:
    return f"pip install 'dynanoise-export[{backend}]'"
