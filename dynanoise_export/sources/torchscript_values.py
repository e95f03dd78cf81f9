"""Check the pickles of a TorchScript file: which classes they name, and that every tensor lies within its storage.

PyTorch's reader of these pickles is written in C++. It trusts the stated sizes of storages and tensors, so a file could
make it read what lies beyond in memory; and it makes objects of any class that PyTorch has registered.
"""

import io
import pickle
import re
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from dynanoise_export.errors import UntrustedCodeError
from dynanoise_export.sources.plain_archive import PlainArchive

# The bytes of a number in the storages that PyTorch names.
ITEM_SIZES = {
    "BoolStorage": 1, "ByteStorage": 1, "CharStorage": 1, "ShortStorage": 2, "HalfStorage": 2, "BFloat16Storage": 2,
    "IntStorage": 4, "FloatStorage": 4, "LongStorage": 8, "DoubleStorage": 8, "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
}  # fmt: skip
# The file's own classes; those below the second name are PyTorch's.
OWN_CLASS, FOREIGN_CLASS = re.compile(r"__torch__(\.\w+)+", re.ASCII), re.compile(r"__torch__\.torch\.classes\b")
LISTS = {"build_intlist", "build_tensorlist", "build_doublelist", "build_boollist"}
# The pickles that PyTorch reads, and the folders of their storages.
PICKLES = {"data.pkl": "data", "constants.pkl": "constants", "attributes.pkl": "attributes"}
LARGEST_PICKLE = 64 << 20


class _Storage(NamedTuple):
    numbers: int


def require_sound_values(archive: PlainArchive) -> None:
    """Refuse pickles that name other classes than the file's own, or tensors that lie beyond their storage.

    Raises:
        UntrustedCodeError: what was found.
    """
    for name, folder in PICKLES.items():
        if name not in archive.members:
            continue
        if archive.members[name].size > LARGEST_PICKLE:
            raise _refusal(archive.path, f"{name} is too large to check")
        try:
            _Values(archive, folder, archive.read(name)).load()
        except UntrustedCodeError:
            raise
        except Exception as error:  # whatever a hostile pickle raises
            raise _refusal(archive.path, f"{name} is no pickle in the form that torch.jit.save writes") from error


def _refusal(path: Path, finding: str) -> UntrustedCodeError:
    return UntrustedCodeError(f"In {path}, {finding}: if you trust its origin, add --allow-pickle.")


class _Values(pickle.Unpickler):
    """Reads a pickle without making anything of it but plain containers."""

    def __init__(self, archive: PlainArchive, folder: str, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "torch._utils", "_rebuild_tensor_v2":
                return self._tensor
            case "torch.jit._pickle", "restore_type_tag":
                return lambda value, tag: value
            case "torch.jit._pickle", _ if name in LISTS:
                return lambda values: values
            case "collections", "OrderedDict":
                return dict
            case "torch", "device":
                return lambda *given: given
            case "torch", _ if name in ITEM_SIZES:
                return name
        full = f"{module}.{name}"
        if OWN_CLASS.fullmatch(full) and not FOREIGN_CLASS.match(full):
            return _Own
        raise _refusal(self.archive.path, f"a pickle names {full[:60]!r}, which is no class of the file's own")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage, key, _, numbers = pid
        member = self.archive.members.get(f"{self.folder}/{key}")
        if kind != "storage" or member is None or numbers * ITEM_SIZES[storage] != member.size:
            self._refuse("a storage has another size than it states")
        return _Storage(numbers)

    def _tensor(self, storage: _Storage, offset: int, sizes: Any, strides: Any, *rest: Any) -> None:
        numbers = (offset, *sizes, *strides)
        if not all(type(number) is int and number >= 0 for number in numbers) or len(sizes) != len(strides):
            self._refuse("a tensor has sizes that are none")
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if all(sizes) and last >= storage.numbers:
            self._refuse("a tensor lies beyond its storage")

    def _refuse(self, finding: str) -> NoReturn:
        raise _refusal(self.archive.path, finding)


class _Own:
    """Stands for an object of a class of the file's own."""

    def __init__(self, *values: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass
