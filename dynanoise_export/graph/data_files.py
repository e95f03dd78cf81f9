"""The files that a model's external data may come from: those that its own tensors fill, and nothing else.

Whoever makes a model chooses the names of these files. Weights leave the machine with the defended model, so a name
could carry out a key, a report or any other file beside the model.
"""

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx_ir as ir

from dynanoise_export.errors import FileAccessError, FormatError, UntrustedCodeError
from dynanoise_export.noise.keyed.key import KEY_SUFFIX
from dynanoise_export.noise.keyed.key_search import holds_key

# Between two tensors lies at most the padding to the next page or block of memory, of zeros.
LARGEST_PADDING = 1 << 16
# What the beginning of a file is judged by; a shorter text than the second can be a few weights by chance.
BEGINNING, SHORTEST_TEXT = 4096, 16
# Equal weights can look like a text of few different letters.
FEWEST_LETTERS = 8
# Archives of NumPy and PyTorch, and NumPy's arrays.
OTHER_FORMATS = (b"PK\x03\x04", b"\x93NUMPY")
CONTROLS = set(range(32)) - set(b"\t\n\r\f") | {127}


def located(path: Path, tensors: Sequence[ir.ExternalTensor]) -> list[ir.ExternalTensor]:
    """Give a model's external tensors their full paths, after checking that it may read their files.

    Args:
        path: of the model.
        tensors: all of its external tensors, with locations relative to the model's folder.

    Raises:
        UserError: a file is outside the model's folder, missing, cut short, a key, or not filled by the tensors.
    """
    files = [_file_of(path, tensor) for tensor in tensors]
    for data in sorted(set(files)):
        _require_filled(path, data, [tensor for tensor, file in zip(tensors, files, strict=True) if file == data])
        _require_weights(path, data)
    return [_at(tensor, data) for tensor, data in zip(tensors, files, strict=True)]


def _file_of(path: Path, tensor: ir.ExternalTensor) -> Path:
    """Find the file of a tensor by its name alone, and check that the tensor's place in it is possible."""
    location = str(tensor.location)
    try:
        _require_inside(path, tensor)
        data = (path.parent / location).resolve()
        found = data.stat()
        start, length = tensor.offset or 0, tensor.nbytes
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileAccessError(f"{path} reads the weight {tensor.name!r} from {location}, which is missing.") from error
    except (OSError, ValueError, TypeError) as error:  # foreign bytes: an invalid path, number or type
        raise FormatError(f"{path} is damaged at the weight {tensor.name!r}: {error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise FileAccessError(f"{path} reads the weight {tensor.name!r} from {location}, which is not a file.")
    if data.samefile(path) or KEY_SUFFIX in (Path(location).suffix.lower(), data.suffix.lower()):
        raise UntrustedCodeError(f"{path} reads the weight {tensor.name!r} from {location}, which holds no weights.")
    if start < 0 or min(tensor.shape.numpy(), default=0) < 0 or tensor.length not in (None, length):
        raise FormatError(f"{path} is damaged at the weight {tensor.name!r}: its place in {data.name} is invalid.")
    if found.st_size < start + length:
        raise FormatError(f"{data} is cut short: it ends within the weight {tensor.name!r} of {path.name}.")
    return data


def _require_inside(path: Path, tensor: ir.ExternalTensor) -> None:
    """Check that a location stays in the model's folder, also behind links.

    In the cache of Hugging Face's hub, models and data are links to files of one other folder, which is allowed.
    """
    location = str(tensor.location)
    named, folder = path.parent / location, path.parent.resolve()
    data = named.resolve()
    shared = path.is_symlink() and named.is_symlink() and data.parent == path.resolve().parent
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    relative = ".." not in parts and not PurePosixPath(location).root and not PureWindowsPath(location).anchor
    if not relative or not (data.is_relative_to(folder) or shared):
        raise UntrustedCodeError(
            f"{path} reads the weight {tensor.name!r} from {location}, outside its folder: move it inside."
        )


def _require_filled(path: Path, data: Path, tensors: Iterable[ir.ExternalTensor]) -> None:
    """Check that a model's tensors fill a file, but for padding, so that it was made for this model.

    Tensors may share their bytes.
    """
    places = sorted({(tensor.offset or 0, (tensor.offset or 0) + tensor.nbytes) for tensor in tensors if tensor.nbytes})
    size = data.stat().st_size
    ends = [0, *(end for _, end in places)]
    gaps = list(zip(ends, [*(start for start, _ in places), size], strict=True))
    if not all(0 <= start - end <= LARGEST_PADDING for end, start in gaps) or not _are_zeros(data, gaps):
        raise UntrustedCodeError(
            f"{path} reads parts of {data.name} only, which may be another model's or no weights at all: save the "
            "model again with its weights in a new file."
        )


def _are_zeros(data: Path, gaps: Iterable[tuple[int, int]]) -> bool:
    with data.open("rb") as file:
        for start, end in gaps:
            file.seek(start)
            if any(file.read(end - start)):
                return False
    return True


def _require_weights(path: Path, data: Path) -> None:
    """Check that a file does not hold something else than weights: a key, a text or an archive."""
    with data.open("rb") as file:
        beginning = file.read(BEGINNING)
    if beginning.startswith(OTHER_FORMATS) or _is_text(beginning) or holds_key(data):
        raise UntrustedCodeError(
            f"{path} reads weights from {data.name}, which holds a key, a text or an archive instead: do not trust "
            "this model."
        )


def _is_text(beginning: bytes) -> bool:
    if len(beginning) < SHORTEST_TEXT or len(set(beginning)) < FEWEST_LETTERS or not CONTROLS.isdisjoint(beginning):
        return False
    # The last letter may be cut off.
    return any(_decodes(beginning[: len(beginning) - cut]) for cut in range(4))


def _decodes(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _at(tensor: ir.ExternalTensor, data: Path) -> ir.ExternalTensor:
    # Without a base folder onnx-ir accepts links, which package managers make as well as attackers.
    return ir.ExternalTensor(
        str(data),
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=tensor.shape,
        name=tensor.name,
        doc_string=tensor.doc_string,
        metadata_props=tensor.metadata_props,
    )
