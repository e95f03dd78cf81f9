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
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.types import Array, Arrays


class PyTorchPredictor(Closing):
    """A module on the CPU, in evaluation mode.

    Args:
        path: of its file, for messages.
        module: takes the inputs by name or in order.
        inputs: the names of the inputs.
        outputs: the names of the outputs.
    """

    def __init__(self, path: Path, module: torch.nn.Module, inputs: list[str], outputs: list[str]) -> None:
        self.path, self.module = path, module
        self.inputs, self.outputs = inputs, outputs

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer one batch.

        Raises:
            UserError: the module does not run on the inputs, or returns no tensor.
        """
        outputs = run_module(self.path, self.module, inputs)
        return {name: tensor.numpy(force=True) for name, tensor in outputs.items()}


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
