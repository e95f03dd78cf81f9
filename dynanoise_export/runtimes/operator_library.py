"""The library of operators for ONNX Runtime: kernels in place of the functions in a defended file."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from dynanoise_export.errors import MissingPackageError
from dynanoise_export.onnx_functions import VERSION
from dynanoise_export.runtimes.provider import Provider

PACKAGE = "dynanoise_export_operators"


def operators() -> Path:
    """Give the path of the library of operators, for `SessionOptions.register_custom_ops_library` of ONNX Runtime.

    Raises:
        MissingPackageError: it is not installed, or is of another version.
    """
    path: Path = _package().library()
    return path


def operators_for(provider: Provider) -> Path:
    """Give the path of the library, which must have kernels for a provider.

    Raises:
        MissingPackageError: it is not installed, is of another version, or has none.
    """
    path = operators()
    if provider.value not in _package().providers():
        raise MissingPackageError(
            f"The operators in {path} have no kernels for {provider.value}: build the package "
            "dynanoise-export-operators where nvcc is."
        )
    return path


def _package() -> ModuleType:
    if find_spec(PACKAGE) is None:
        raise MissingPackageError(
            "The operators need the package dynanoise-export-operators: pip install ./operators in the source tree, or "
            "leave them out."
        )
    package = importlib.import_module(PACKAGE)
    if package.DOMAIN_VERSION != VERSION:  # ONNX Runtime takes an old kernel for the function of a newer version
        raise MissingPackageError(
            f"The installed operators are for version {package.DOMAIN_VERSION} of a defence's functions, and not for "
            f"{VERSION}: install the package dynanoise-export-operators that belongs to this version."
        )
    return package
