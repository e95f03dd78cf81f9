"""Open PyTorch files in this process, as the confined process does, which takes seconds to start."""

import importlib
from pathlib import Path

from dynanoise_export.sources.confined.exchange import Format
from dynanoise_export.sources.confined.worker import LOADERS
from dynanoise_export.sources.source_module import OpenedModule


def open_here(path: Path, format: Format) -> OpenedModule:
    """Check and load a file as the confined process does, and answer for it in this process."""
    module, function = LOADERS[format]
    opened: OpenedModule = getattr(importlib.import_module(module), function)(path, trusted=False)
    return opened
