"""TorchScript files: traced or scripted modules, which do not need the user's code."""

from pathlib import Path

from dynanoise_export.files import sha256
from dynanoise_export.sources.confined.confined_module import open_confined
from dynanoise_export.sources.confined.exchange import Format
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.source_module import OpenedModule, tried_source


def open_torchscript(path: Path, options: SourceOptions) -> SourceModel:
    """Open a TorchScript file: in a confined process, unless the options allow it to run any code.

    Raises:
        UserError: the file is damaged, its code might do more than compute, or its inputs are not known.
    """
    opened = _open_here(path) if options.allow_pickle else open_confined(path, Format.TORCHSCRIPT)
    return tried_source(path, "a TorchScript file", sha256(path), opened, options)


def _open_here(path: Path) -> OpenedModule:
    from dynanoise_export.sources.torchscript_module import load_torchscript

    return load_torchscript(path, trusted=True)
