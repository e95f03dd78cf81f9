"""What `torch.save` wrote: a checkpoint, a bare state dict, or a whole pickled module."""

import pickle
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.sources import state_dict
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_of_module
from dynanoise_models import checkpoint_source


def open_torch_archive(path: Path, options: SourceOptions) -> SourceModel:
    """Open a file of `torch.save`; what is pickled in it is not run unless `options` allow it.

    Raises:
        UserError: it is damaged, holds code, or nothing that can be a classifier.
    """
    content = load(path, allow_pickle=options.allow_pickle)
    if checkpoint_source.is_checkpoint(content):
        return checkpoint_source.open_checkpoint(path, content, options)
    if isinstance(content, torch.nn.Module):
        return source_of_module(path, "a pickled module", sha256(path), content, (), options)
    if isinstance(content, Mapping):
        return state_dict.open_state_dict(path, content, options)
    raise UserError(f"{path} holds a {type(content).__name__}, and neither a module nor a state dict.")


def load(path: Path, *, allow_pickle: bool) -> Any:
    """Read a file of `torch.save`: tensors and plain containers alone, or anything if allowed.

    Raises:
        UserError: it is damaged, or holds more than that.
    """
    if allow_pickle:
        sys.path.insert(0, str(Path.cwd()))  # where a module's own class usually lies
    try:
        return torch.load(path, map_location="cpu", weights_only=not allow_pickle)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UserError(
            f"{path} is a pickle of more than tensors{f' ({named[1]})' if named else ''}, and opening it could run any "
            "code: save the model with torch.export.save or as TorchScript, or its state dict for --arch, or as "
            "ONNX; or, if you trust where it comes from, add --allow-pickle."
        ) from error
    except (AttributeError, ModuleNotFoundError) as error:
        raise UserError(f"{path} needs code that is not here: {error}; run where it can be imported.") from error
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is damaged or cut short: {first_line(error)}") from error
    finally:
        if allow_pickle:
            sys.path.pop(0)
