"""The rows of a data set in the form that a model takes, one batch at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from dynanoise_export.types import Array, Arrays, Float32s, Floats, Int64s

MASK = "attention_mask"


@dataclass(frozen=True)
class Rows:
    """Rows in memory, or mapped into memory.

    Attributes:
        inputs: one array for each input of the model, all of n rows.
        y: int64 [n], the labels.
    """

    inputs: Arrays
    y: Int64s

    def __len__(self) -> int:
        return len(self.y)

    def lengths(self, indices: Int64s) -> Int64s:
        """Count the tokens of the rows at the indices [n]; 0 if the rows are not text."""
        return self._tokens(self.inputs[MASK][indices]) if MASK in self.inputs else np.zeros_like(indices)

    def batch(self, indices: Int64s, device: torch.device) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Put the rows at the indices [...] on the device; sentences are cut to the longest of the batch."""
        arrays = {name: array[indices] for name, array in self.inputs.items()}
        if MASK in arrays:
            length = int(self._tokens(arrays[MASK]).max())
            arrays = {name: np.ascontiguousarray(array[..., :length]) for name, array in arrays.items()}
        inputs = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        return inputs, torch.from_numpy(self.y[indices]).to(device)

    @staticmethod
    def _tokens(mask: Array) -> Int64s:
        return np.asarray(mask.astype(np.int64, copy=False).sum(axis=-1))


def logits_of(model: torch.nn.Module, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Run a model and give its logits.

    A single input is passed by position, several by name. The models of transformers return their logits in an object.
    """
    answer = model(**inputs) if len(inputs) > 1 else model(*inputs.values())
    logits: torch.Tensor = answer if isinstance(answer, torch.Tensor) else answer.logits
    return logits


def predict(
    model: torch.nn.Module, rows: Rows, device: torch.device, indices: Int64s | None = None, *, batch: int = 500
) -> Float32s:
    """Compute logits in evaluation mode and in full precision.

    Args:
        model: already on the device.
        rows: the rows to answer.
        device: where the model is.
        indices: of the rows to answer, [n]; None for all.
        batch: rows per call of the model.

    Returns:
        Logits float32 [n, k]; [m, n, k] for a stack of m models.
    """
    model.eval()
    indices = np.arange(len(rows)) if indices is None else indices
    order = np.argsort(rows.lengths(indices), kind="stable")  # sentences of one length need no padding
    answers = []
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            inputs, _ = rows.batch(indices[order[start : start + batch]], device)
            answers.append(logits_of(model, inputs).float().numpy(force=True))
    return np.concatenate(answers, axis=-2)[..., np.argsort(order), :]


def accuracy(logits: Floats, y: Int64s) -> float | None:
    """Compute the share of rows [n, k] whose largest logit is at the label; None if there are no rows."""
    return float((logits.argmax(axis=-1) == y).mean()) if len(y) else None
