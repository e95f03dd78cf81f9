"""Models in PyTorch: what an exported file is compared with."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils import _pytree as pytree

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.runtimes.predictor import Arrays


class PyTorchPredictor:
    """A module on the CPU, in evaluation mode.

    Args:
        path: of the file that it came from, for messages.
        module: takes the inputs by name or in order.
        inputs: their names.
        outputs: the names of what it gives.
    """

    def __init__(self, path: Path, module: torch.nn.Module, inputs: list[str], outputs: list[str]) -> None:
        self.path, self.module = path, module
        self.inputs, self.outputs = inputs, outputs

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[np.generic]]:
        """Answer one batch.

        Raises:
            UserError: the module does not take the inputs.
        """
        outputs = run_module(self.path, self.module, inputs)
        return {name: tensor.numpy(force=True) for name, tensor in outputs.items()}


def run_module(path: Path, module: torch.nn.Module, example: Arrays) -> dict[str, torch.Tensor]:
    """Run a module once and name its outputs.

    Raises:
        UserError: the module does not take the example, or gives no tensor.
    """
    args, kwargs = bind(module, {name: torch.from_numpy(np.array(array)) for name, array in example.items()})
    try:
        with torch.no_grad():
            result = module(*args, **kwargs)
    except Exception as error:  # a user's own code raises whatever it likes
        shapes = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in example.items())
        raise UserError(f"{path} does not run on inputs of {shapes}: {first_line(error)}") from error
    outputs = named_outputs(result)
    if not outputs:
        raise UserError(f"{path} gives {type(result).__name__} and no tensor, so it can't be a classifier.")
    return outputs


def named_outputs(result: Any) -> dict[str, torch.Tensor]:
    """Name the tensors that a module gives: by key or field, by place, or "output" for a lone one."""
    if isinstance(result, torch.Tensor):
        return {"output": result}
    leaves, _ = pytree.tree_flatten_with_path(result)
    return {_spell(keys): leaf for keys, leaf in leaves if isinstance(leaf, torch.Tensor)}


def bind(
    module: torch.nn.Module, tensors: dict[str, torch.Tensor]
) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
    """Pass the tensors by name where `forward` has all the names, and in their order elsewhere."""
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
