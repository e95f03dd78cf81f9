"""Which kind of source a path is, and what reads it."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from dynanoise_export.bundles import Part
from dynanoise_export.bundling.array_rows import is_arrays, read_array_rows
from dynanoise_export.bundling.columns import FORMATS
from dynanoise_export.bundling.image_rows import part_folders, read_images
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.bundling.source_rows import SourceRows
from dynanoise_export.bundling.table_rows import read_table
from dynanoise_export.bundling.text_rows import read_texts
from dynanoise_export.errors import FileAccessError, FormatError, UsageError
from dynanoise_export.types import Progress


class SourceKind(StrEnum):
    """What rows can be read from."""

    TABLE = "a table"
    TEXTS = "texts"
    IMAGES = "a folder of images"
    ARRAYS = "arrays"


READERS: dict[SourceKind, Callable[[Path, BundleRequest, Progress], SourceRows]] = {
    SourceKind.TABLE: read_table,
    SourceKind.TEXTS: read_texts,
    SourceKind.IMAGES: read_images,
    SourceKind.ARRAYS: lambda path, request, progress: read_array_rows(path, request),
}
K = SourceKind
# The options that apply to some kinds alone.
APPLY = {
    "--label": (K.TABLE, K.TEXTS, K.ARRAYS),
    "--member": (K.TABLE, K.TEXTS, K.ARRAYS),
    "--group": (K.TABLE, K.TEXTS, K.ARRAYS),
    "--columns": (K.TABLE,),
    "--text": (K.TEXTS,),
    "--processor": (K.TEXTS, K.IMAGES),
    "--max-length": (K.TEXTS,),
    "--size": (K.IMAGES,),
    "--mean": (K.IMAGES,),
    "--std": (K.IMAGES,),
    "--grey": (K.IMAGES,),
    "--layout": (K.IMAGES, K.ARRAYS),
    "--divide": (K.TABLE, K.IMAGES, K.ARRAYS),
}
# What an image processor does itself.
DONE_BY_PROCESSOR = ("--size", "--mean", "--std", "--grey", "--divide")


def read_sources(request: BundleRequest, progress: Progress) -> dict[Part | None, SourceRows]:
    """Read all sources of a bundle.

    Args:
        request: names them.
        progress: called with what is read.

    Returns:
        The rows of each part, or under None those of all parts.

    Raises:
        UserError: a source is missing, of no known kind, or can't be read; or an option does not apply to it.
    """
    kinds = {_kind(path, request) for path in request.sources.values()}
    if len(kinds) > 1:
        raise UsageError(f"The sources {request.named} are of different kinds: give all in the same form.")
    kind = kinds.pop()
    _require_applicable(kind, request)
    sources = request.sources
    if kind is SourceKind.IMAGES and None in sources:
        sources = part_folders(sources[None])
    return {part: READERS[kind](path, request, progress) for part, path in sources.items()}


def _kind(path: Path, request: BundleRequest) -> SourceKind:
    if not path.exists():
        raise FileAccessError(f"{path} does not exist.")
    if is_arrays(path):
        return SourceKind.ARRAYS
    if path.is_dir():
        return SourceKind.IMAGES
    if path.suffix.lower() in FORMATS:
        return SourceKind.TABLE if request.text is None else SourceKind.TEXTS
    raise FormatError(
        f"{path} is in no known format: give a table ({', '.join(FORMATS)}), a folder of images, an .npz or .npy files."
    )


def _require_applicable(kind: SourceKind, request: BundleRequest) -> None:
    given = [option for option, value in _given(request).items() if value]
    strange = [option for option in given if kind not in APPLY[option]]
    if strange:
        raise UsageError(f"{strange[0]} does not apply to {request.named}, which is {kind}: leave it out.")
    if request.divide == 0 or 0 in request.images.std:
        raise UsageError("--divide and --std must not be 0.")
    double = [option for option in given if option in DONE_BY_PROCESSOR]
    if kind is SourceKind.IMAGES and request.processor is not None and double:
        raise UsageError(f"{double[0]} and --processor say the same thing: give one of them.")


def _given(request: BundleRequest) -> dict[str, object]:
    images = request.images
    return {
        "--label": request.label, "--member": request.member, "--group": request.group, "--columns": request.columns,
        "--text": request.text, "--processor": request.processor, "--max-length": request.max_length,
        "--size": images.size, "--mean": images.mean, "--std": images.std, "--grey": images.grey,
        "--layout": request.layout, "--divide": request.divide,
    }  # fmt: skip
