"""The source format of this package: a checkpoint that `dynanoise-models` wrote.

The entry point `checkpoint` of the group `dynanoise_export.sources` names `CHECKPOINT`. To recognise a checkpoint takes
no PyTorch, and unpickles nothing.
"""

import zipfile
from pathlib import Path

from dynanoise_export.packages import require_packages
from dynanoise_export.sources.open_source import SourceFormat
from dynanoise_export.sources.source_model import SourceModel, SourceOptions

# The value of "format" in a checkpoint, near its beginning.
FORMAT = "dynanoise-models/checkpoint/1"

# More than the names of a checkpoint's weights take; a larger record is not read to its end.
LONGEST_READ = 1 << 20


def is_checkpoint(path: Path) -> bool:
    """Whether a file is an archive of `torch.save` whose pickle holds the name of this format."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            record = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
            if record is None:
                return False
            with archive.open(record) as pickled:
                return FORMAT.encode() in pickled.read(LONGEST_READ)
    except Exception:  # a parser of foreign bytes: what is damaged is for another format to refuse
        return False


def _open(path: Path, options: SourceOptions) -> SourceModel:
    require_packages("A checkpoint of dynanoise-models needs", "torch")

    from dynanoise_models.checkpoints import open_checkpoint

    return open_checkpoint(path, options)


CHECKPOINT = SourceFormat(is_checkpoint, _open, "a checkpoint of dynanoise-models (.pt)")
