"""The built-in formats: how each is recognised, and what opens it.

The module that opens a format is imported only for a file of that format: some of these imports take seconds.
"""

import zipfile
from pathlib import Path

from dynanoise_export.packages import require_packages
from dynanoise_export.sources.open_source import SourceFormat
from dynanoise_export.sources.source_model import SourceModel, SourceOptions

# How a file begins: an archive, or a pickle, which `torch.save` wrote before it wrote archives.
ARCHIVE, PICKLE = b"PK", b"\x80"


def _begins_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _members(path: Path) -> set[str]:
    """List the members of a zip archive, without their folders; nothing if the file is not an intact archive."""
    if not _begins_with(path, ARCHIVE):
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.rpartition("/")[2] for name in archive.namelist()}
    except Exception:  # a parser of foreign bytes: `open_source` says what is wrong
        return set()


def _is_torch_save(path: Path) -> bool:
    return _begins_with(path, PICKLE) or "data.pkl" in _members(path)


def _is_torch_export(path: Path) -> bool:
    return bool(_members(path) & {"archive_format", "serialized_exported_program.json"})


def _is_torchscript(path: Path) -> bool:
    return "constants.pkl" in _members(path)


def _open_torch_save(path: Path, options: SourceOptions) -> SourceModel:
    require_packages("A file of torch.save needs", "torch")

    from dynanoise_export.sources.torch_archive import open_torch_archive

    return open_torch_archive(path, options)


def _open_torch_export(path: Path, options: SourceOptions) -> SourceModel:
    require_packages("A program of torch.export needs", "torch")

    from dynanoise_export.sources.exported_program import open_exported_program

    return open_exported_program(path, options)


def _open_torchscript(path: Path, options: SourceOptions) -> SourceModel:
    require_packages("TorchScript needs", "torch")

    from dynanoise_export.sources.torchscript import open_torchscript

    return open_torchscript(path, options)


def _open_safetensors(path: Path, options: SourceOptions) -> SourceModel:
    require_packages("Weights need", "torch", "safetensors")

    from dynanoise_export.sources.state_dict import open_safetensors

    return open_safetensors(path, options)


def _open_onnx(path: Path, options: SourceOptions) -> SourceModel:
    from dynanoise_export.sources.onnx_file import open_onnx

    return open_onnx(path, options)


def _open_hugging_face(path: Path, options: SourceOptions) -> SourceModel:
    require_packages("A Hugging Face folder needs", "transformers")

    from dynanoise_export.sources.hugging_face.open_folder import open_hugging_face

    return open_hugging_face(path, options)


TORCH_SAVE = SourceFormat(_is_torch_save, _open_torch_save, "torch.save (.pt, .pth)")
TORCH_EXPORT = SourceFormat(_is_torch_export, _open_torch_export, "torch.export (.pt2)")
TORCHSCRIPT = SourceFormat(_is_torchscript, _open_torchscript, "TorchScript (.ts, .pt)")
SAFETENSORS = SourceFormat(lambda path: path.suffix == ".safetensors", _open_safetensors, "safetensors (.safetensors)")
ONNX = SourceFormat(lambda path: path.suffix == ".onnx", _open_onnx, "ONNX (.onnx)")
HUGGING_FACE = SourceFormat(Path.is_dir, _open_hugging_face, "a Hugging Face folder")
