"""Tell what a file is, by its content before its name, and open it."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from dynanoise_export.errors import UserError
from dynanoise_export.sources.source_model import SourceModel, SourceOptions

FORMATS = "TorchScript, torch.export (.pt2), torch.save (.pt, .pth), safetensors, ONNX, or a folder of Hugging Face's"


def open_source(path: Path, options: SourceOptions | None = None) -> SourceModel:
    """Open a trained classifier in any of the formats that this project knows.

    Raises:
        UserError: it is missing, damaged, of no known format, could run code, or is no single-label classifier.
    """
    options = options or SourceOptions()
    try:
        return _opener(path)(path, options)
    except UserError as error:
        # What is said of an input, or by a runtime, does not know the file.
        if any(str(named) in str(error) for named in (path, options.example, options.arch) if named is not None):
            raise
        raise UserError(f"{path}: {error}") from error


def _opener(path: Path) -> Callable[[Path, SourceOptions], SourceModel]:
    # Each format's module is imported for a file of that format alone: some of them take seconds.
    if path.is_dir():
        from dynanoise_export.sources.hugging_face import open_hugging_face

        return open_hugging_face
    head = _first_bytes(path)
    if path.suffix == ".onnx":
        from dynanoise_export.sources.onnx_file import open_onnx

        return open_onnx
    if path.suffix == ".safetensors":
        from dynanoise_export.sources.state_dict import open_safetensors

        return open_safetensors
    if head.startswith(b"PK"):
        return _archive_opener(path)
    if head.startswith(b"\x80"):  # a pickle, as torch.save wrote it before it wrote archives
        from dynanoise_export.sources.torch_archive import open_torch_archive

        return open_torch_archive
    raise UserError(f"{path} is of no known format: {FORMATS}.")


def _archive_opener(path: Path) -> Callable[[Path, SourceOptions], SourceModel]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.rpartition("/")[2] for name in archive.namelist()}
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is damaged or cut short: {error}.") from error
    if "constants.pkl" in members:
        from dynanoise_export.sources.torchscript import open_torchscript

        return open_torchscript
    if members & {"archive_format", "serialized_exported_program.json"}:
        from dynanoise_export.sources.exported_program import open_exported_program

        return open_exported_program
    if "data.pkl" in members:
        from dynanoise_export.sources.torch_archive import open_torch_archive

        return open_torch_archive
    raise UserError(f"{path} is a zip archive and holds no model: {FORMATS} are known.")


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}.") from error
    if not head:
        raise UserError(f"{path} is empty.")
    return head
