"""Models in PyTorch: the reference that an exported file is compared with."""

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from dynanoise_export.errors import UnsupportedModelError, first_line
from dynanoise_export.runtimes.failed_run import failed_run
from dynanoise_export.types import Array, Arrays


def answers_of(path: Path, module: torch.nn.Module, rows: Arrays) -> dict[str, Array]:
    """Run a module once, and give its outputs as arrays; what has 16 bits and is no float16 is given in float32.

    Raises:
        UserError: the module does not run on the rows, or returns no tensor that an array can hold.
    """
    return {name: _array(path, name, tensor) for name, tensor in run_module(path, module, rows).items()}


def _array(path: Path, name: str, tensor: torch.Tensor) -> Array:
    try:
        array: Array = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy(force=True)
    except (TypeError, RuntimeError) as error:  # sparse, quantised, or without values
        raise UnsupportedModelError(
            f"The output {name!r} of {path} is no plain tensor: {first_line(error)}."
        ) from error
    return array


def run_module(path: Path, module: torch.nn.Module, example: Arrays) -> dict[str, torch.Tensor]:
    """Run a module once and name its outputs.

    Raises:
        FailedRunError: the module does not run on the example.
        UnsupportedModelError: it returns no tensor.
    """
    args, kwargs = bind(module, {name: torch.from_numpy(np.array(array)) for name, array in example.items()})
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern the model's author
            result = module(*args, **kwargs)
    except Exception as error:  # a user's own code may raise anything
        raise failed_run(str(path), example, _reason(error)) from error
    outputs = named_outputs(result)
    if not outputs:
        raise UnsupportedModelError(
            f"{path} returns {type(result).__name__} instead of a tensor, so it can't be a classifier."
        )
    return outputs


def _reason(error: Exception) -> str:
    """Give the message of an error; TorchScript puts it after a trace of its own, with the name of its kind."""
    if "can't allocate memory" in str(error):
        return "it needs more memory than it can have"
    lines = str(error).strip().splitlines()
    if lines and lines[0].startswith("The following operation failed in the TorchScript interpreter"):
        error = Exception(lines[-1].partition("Error: ")[2] or lines[-1])
    return first_line(error).rstrip(".")


def named_outputs(result: Any) -> dict[str, torch.Tensor]:
    """Name the tensors that a module returns: by key, field or position, or "output" if there is one tensor only."""
    if isinstance(result, torch.Tensor):
        return {"output": result}
    leaves, _ = pytree.tree_flatten_with_path(result)
    return {_spell(keys): leaf for keys, leaf in leaves if isinstance(leaf, torch.Tensor)}


def bind(
    module: torch.nn.Module, tensors: dict[str, torch.Tensor]
) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
    """Choose how to pass the tensors: by name if `forward` has all the names, else in their order."""
    if isinstance(module, torch.jit.ScriptModule):
        return tuple(tensors.values()), {}
    if set(tensors) <= set(inspect.signature(module.forward).parameters):
        return (), tensors
    return tuple(tensors.values()), {}


def _spell(keys: Sequence[Any]) -> str:
    parts: list[str] = []
    for key in keys:
        part = getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))
        parts.append(f"output_{part}" if isinstance(part, int) and not parts else str(part))
    return ".".join(parts)
