"""The rows of a data set as a model takes them, a batch at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Numbers = npt.NDArray[np.int64]

MASK = "attention_mask"


@dataclass(frozen=True)
class Rows:
    """Rows in memory, or mapped into it.

    Attributes:
        inputs: an array for each input of the model, the rows first.
        y: int64 [n], the labels.
    """

    inputs: Mapping[str, npt.NDArray[Any]]
    y: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    def lengths(self, chosen: Numbers) -> Numbers:
        """Tell how many tokens the rows of the numbers [n] have; 0 of what is no text."""
        return np.asarray(self.inputs[MASK][chosen].sum(axis=-1)) if MASK in self.inputs else np.zeros_like(chosen)

    def batch(self, chosen: Numbers, device: torch.device) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Take the rows of the numbers [...] and put them on the device; sentences are cut to the longest of them."""
        arrays = {name: array[chosen] for name, array in self.inputs.items()}
        if MASK in arrays:
            length = int(arrays[MASK].sum(axis=-1).max())
            arrays = {name: np.ascontiguousarray(array[..., :length]) for name, array in arrays.items()}
        inputs = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        return inputs, torch.from_numpy(self.y[chosen]).to(device)


def logits_of(model: torch.nn.Module, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Ask a model: one input goes by its place, several by their names; transformers put the logits into an object."""
    answer = model(**inputs) if len(inputs) > 1 else model(*inputs.values())
    logits: torch.Tensor = answer if isinstance(answer, torch.Tensor) else answer.logits
    return logits


def predict(
    model: torch.nn.Module, rows: Rows, device: torch.device, chosen: Numbers | None = None,
    batch: int = 500,
) -> npt.NDArray[np.float32]:  # fmt: skip
    """Give the logits float32 [..., n, k] of the rows, in evaluation mode and in full precision.

    Args:
        model: already on the device; a stack of m models answers with [m, n, k].
        rows: to ask.
        device: where the model is.
        chosen: the numbers of the rows to ask, all by default.
        batch: rows asked at once.
    """
    model.eval()
    chosen = np.arange(len(rows)) if chosen is None else chosen
    order = np.argsort(rows.lengths(chosen), kind="stable")  # sentences of one length need no padding
    answers = []
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            inputs, _ = rows.batch(chosen[order[start : start + batch]], device)
            answers.append(logits_of(model, inputs).float().numpy(force=True))
    return np.concatenate(answers, axis=-2)[..., np.argsort(order), :]


def accuracy(logits: npt.NDArray[np.floating], y: npt.NDArray[np.int64]) -> float | None:
    """Tell the share of right answers [n, k]; None of no answers."""
    return float((logits.argmax(axis=-1) == y).mean()) if len(y) else None
