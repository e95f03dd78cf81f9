"""Recognise the format of the user's file, by its content before its name, and open it."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.errors import FormatError
from dynanoise_export.records import reading
from dynanoise_export.registry import Registry
from dynanoise_export.sources.source_model import SourceModel, SourceOptions


@dataclass(frozen=True)
class SourceFormat:
    """A format in which a trained classifier can be stored.

    Attributes:
        recognises: whether a file or folder, which exists, has this format. It is called for files of all formats: it
            must be fast, import nothing heavy, run nothing from the file, and return False for what it can't read.
        open: opens it, with what the user says about it; it raises a `UserError` that names the file.
        title: for lists, with the usual suffix, as in "ONNX (.onnx)".
    """

    recognises: Callable[[Path], bool]
    open: Callable[[Path, SourceOptions], SourceModel]
    title: str


# The last one that recognises a file opens it, so that those of other distributions come before the built-in ones, and
# ONNX and safetensors, which only their suffix shows, before archives.
FORMATS: Registry[SourceFormat] = Registry(
    "source format",
    "dynanoise_export.sources",
    {
        "torch-save": "dynanoise_export.sources.built_in_formats:TORCH_SAVE",
        "torch-export": "dynanoise_export.sources.built_in_formats:TORCH_EXPORT",
        "torchscript": "dynanoise_export.sources.built_in_formats:TORCHSCRIPT",
        "safetensors": "dynanoise_export.sources.built_in_formats:SAFETENSORS",
        "onnx": "dynanoise_export.sources.built_in_formats:ONNX",
        "hugging-face": "dynanoise_export.sources.built_in_formats:HUGGING_FACE",
    },
)


def open_source(path: Path, options: SourceOptions | None = None) -> SourceModel:
    """Open a trained classifier in any of the registered formats.

    Raises:
        UserError: it is missing, damaged, in no known format, could run code, or is not a single-label classifier.
    """
    _require_content(path)
    known = [FORMATS.get(name) for name in FORMATS.names()]
    recognised = next((known_format for known_format in reversed(known) if known_format.recognises(path)), None)
    if recognised is None:
        raise FormatError(f"{path} {_problem(path)}; known formats: {', '.join(one.title for one in known)}.")
    return recognised.open(path, options or SourceOptions())


def _require_content(path: Path) -> None:
    if path.is_dir():
        return
    with reading(path, "a model"), path.open("rb") as file:
        empty = not file.read(1)
    if empty:
        raise FormatError(f"{path} is empty.")


def _problem(path: Path) -> str:
    with path.open("rb") as file:
        if not file.read(2).startswith(b"PK"):
            return "is in no known format"
    return "is a zip archive without a model" if zipfile.is_zipfile(path) else "is damaged or cut short"
