"""Programs that `torch.export.save` wrote, opened without running code that a hostile file may hold."""

from pathlib import Path

from dynanoise_export.files import sha256
from dynanoise_export.sources.confined.confined_module import open_confined
from dynanoise_export.sources.confined.exchange import Format
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.source_module import OpenedModule, described_source


def open_exported_program(path: Path, options: SourceOptions) -> SourceModel:
    """Open a `.pt2` file: in a confined process, unless the options allow it to run any code.

    Raises:
        UserError: the file is damaged, holds code, or is not a single-label classifier.
    """
    opened = _open_here(path) if options.allow_pickle else open_confined(path, Format.TORCH_EXPORT)
    return described_source(path, "a torch.export program", sha256(path), opened, options)


def _open_here(path: Path) -> OpenedModule:
    from dynanoise_export.sources.program_module import load_program

    return load_program(path, trusted=True)
