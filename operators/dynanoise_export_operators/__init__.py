"""A library of operators for ONNX Runtime: kernels in place of the functions of the domain `ai.dynanoise`."""

from pathlib import Path

# Of the domain, as in the library's source: kernels for the functions in files of this version.
DOMAIN_VERSION = 2

_FOLDER = Path(__file__).parent


def library() -> Path:
    """Give the path of the library, for `SessionOptions.register_custom_ops_library`."""
    return next(path for path in sorted(_FOLDER.iterdir()) if path.stem == "libdynanoise_operators")


def providers() -> tuple[str, ...]:
    """List what the library has kernels for: cpu, and cuda if it was built where nvcc is."""
    return tuple((_FOLDER / "built_for.txt").read_text(encoding="utf-8").split())
