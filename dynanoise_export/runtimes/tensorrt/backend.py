"""TensorRT and TensorRT-RTX: one API under two module names, which Polygraphy wraps for both."""

import importlib
import sys
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

from dynanoise_export.errors import UserError


class Backend(StrEnum):
    """What builds a plan and runs it."""

    TENSORRT = "tensorrt"
    RTX = "tensorrt-rtx"

    @property
    def product(self) -> str:
        """Its name for people."""
        return "TensorRT" if self is Backend.TENSORRT else "TensorRT-RTX"

    @property
    def module(self) -> str:
        """The name of its Python module."""
        return self.value.replace("-", "_")


def installed_backend() -> Backend:
    """Choose the backend that is installed, TensorRT before TensorRT-RTX.

    Raises:
        UserError: neither is.
    """
    for backend in Backend:
        if find_spec(backend.module):
            return backend
    raise UserError(f"Neither TensorRT nor TensorRT-RTX is installed: {' or '.join(map(_install, Backend))}.")


def require_backend(backend: Backend) -> Any:
    """Import a backend's module, and set Polygraphy to it.

    Raises:
        UserError: it is not installed or can't be loaded, or this process has taken the other one.
    """
    if not find_spec(backend.module) or not find_spec("polygraphy"):
        raise UserError(f"{backend.product} is not installed: {_install(backend)}.")
    from polygraphy import config

    rtx = backend is Backend.RTX
    if "polygraphy.backend.trt" in sys.modules and rtx != config.USE_TENSORRT_RTX:
        raise UserError(f"This process has taken the other of the two: start another one for {backend.product}.")
    config.USE_TENSORRT_RTX = rtx  # which Polygraphy reads as its other modules are imported
    try:
        return importlib.import_module(backend.module)
    except (ImportError, OSError) as error:  # its libraries are loaded with it
        raise UserError(f"{backend.product} can't be loaded ({error}): {_install(backend)}.") from error


def _install(backend: Backend) -> str:
    return f"pip install 'dynanoise-export[{backend}]'"
