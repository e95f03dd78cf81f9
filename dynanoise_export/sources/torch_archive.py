"""Files that `torch.save` wrote: a bare state dict, or a whole pickled module."""

import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import FormatError, MissingPackageError, UntrustedCodeError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.records import reading
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.state_dict import open_state_dict
from dynanoise_export.sources.torch_module import source_from_module

# How much larger than their file the members of an archive may be: PyTorch does not compress them.
MOST_INFLATED = 64 << 20


def open_torch_archive(path: Path, options: SourceOptions) -> SourceModel:
    """Open a file of `torch.save`; code in it is run only if the options allow it.

    Raises:
        UserError: it is damaged, holds code, or holds nothing that can be a classifier.
    """
    content = _load(path, allow_pickle=options.allow_pickle)
    if isinstance(content, torch.nn.Module):
        return source_from_module(path, "a pickled module", sha256(path), content, (), options)
    if isinstance(content, Mapping):
        return open_state_dict(path, content, options)
    raise FormatError(f"{path} holds a {type(content).__name__}, not a module or a state dict.")


def _load(path: Path, *, allow_pickle: bool) -> Any:
    """Read tensors and plain containers or, if allowed, anything."""
    if allow_pickle:
        sys.path.insert(0, str(Path.cwd()))  # where the class of a module usually is
    else:
        _require_no_inflation(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern who saved the file
            return torch.load(path, map_location="cpu", weights_only=not allow_pickle)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UntrustedCodeError(
            f"{path} is a pickle of more than tensors{f' ({named[1]})' if named else ''}, and opening it could run any "
            "code: save the model with torch.export.save or as TorchScript, or its state dict for --arch, or as "
            "ONNX; or, if you trust its origin, add --allow-pickle."
        ) from error
    except (AttributeError, ModuleNotFoundError) as error:
        raise MissingPackageError(
            f"{path} needs code that can't be imported here: {error}; run the command where it can be imported."
        ) from error
    except Exception as error:  # a parser of foreign bytes
        raise FormatError(f"{path} is damaged or cut short: {first_line(error)}") from error
    finally:
        if allow_pickle:
            sys.path.pop(0)


def _require_no_inflation(path: Path) -> None:
    """Refuse an archive whose members would take far more memory than the file has bytes."""
    if not zipfile.is_zipfile(path):
        return
    with reading(path, "an archive of PyTorch"), zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size + MOST_INFLATED:
            raise FormatError(f"{path} is compressed or lists more than it holds: save it again with torch.save.")
