"""What a folder's files may be: regular files in the folder, or the hub's cache that belongs to it."""

from pathlib import Path
from typing import Any

from dynanoise_export.errors import FileAccessError, FormatError, UntrustedCodeError
from dynanoise_export.sources.hugging_face.folder_config import read_json

# What transformers reads in a folder.
READ = {".json", ".safetensors", ".bin", ".txt", ".model"}
INDEXES = "*.index.json"
# A setting that names a file of weights.
NAMES_WEIGHTS = "transformers_weights"


def require_own_files(path: Path) -> None:
    """Refuse a folder whose files lie elsewhere, through a link or by the index of its weights.

    Raises:
        FileAccessError: a file is a pipe, a socket, a device or a folder, or is missing.
        FormatError: the index of the weights is damaged.
        UntrustedCodeError: a file lies outside the folder.
    """
    for file in sorted(path.iterdir()):
        if file.suffix in READ:
            _require_inside(path, file)
    for index in sorted(path.glob(INDEXES)):
        weights = read_json(index).get("weight_map")
        if not isinstance(weights, dict):
            raise FormatError(f"{index} has no weight_map, which says in which file each weight is.")
        for name in sorted({str(name) for name in weights.values()}):
            _require_name(path, index, name)
    stated = read_json(path / "config.json", missing_ok=True).get(NAMES_WEIGHTS)
    if stated is not None:
        _require_name(path, path / "config.json", stated)


def _require_name(path: Path, where: Path, name: Any) -> None:
    """Refuse a name that is more than that of a file in the folder."""
    if not isinstance(name, str) or Path(name).name != name or "\0" in name:
        raise UntrustedCodeError(f"{where} names weights outside the folder, {name!r}: put them into the folder.")
    _require_inside(path, path / name)


def _require_inside(path: Path, file: Path) -> None:
    try:
        target, folder = file.resolve(strict=True), path.resolve()
    except (OSError, RuntimeError) as missing:  # RuntimeError: links in a circle
        raise FileAccessError(f"{file} is missing, or a link to nothing: get the folder again.") from missing
    if not target.is_file():
        raise FileAccessError(f"{file} is not a file: get the folder again.")
    # The hub's cache keeps files in `blobs`, and folders of links to them in `snapshots`, both of one model.
    homes = [folder, *([folder.parents[1] / "blobs"] if folder.parent.name == "snapshots" else [])]
    if target.parent not in homes:
        raise UntrustedCodeError(f"{file} is a link to {target}, outside the folder: put the file itself there.")
