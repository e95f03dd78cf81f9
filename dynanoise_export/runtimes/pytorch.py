"""Models in PyTorch: what an exported file is compared with."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.runtimes.predictor import Arrays
from dynanoise_export.targets.torch_module import run_module


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
        outputs = run_module(self.path, self.module, dict(inputs))
        return {name: tensor.numpy(force=True) for name, tensor in outputs.items()}
