"""The state of a training in a file, so that an interrupted training goes on where it stopped."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.errors import FormatError
from dynanoise_export.files import written_whole
from dynanoise_export.records import reading


@dataclass(frozen=True)
class State:
    """The file that holds the state of a training.

    Attributes:
        path: of the file.
        identity: of the training; a state that another training saved is ignored.
    """

    path: Path
    identity: str

    def save(
        self, parts: Mapping[str, Any], orders: Sequence[np.random.Generator], device: torch.device, epochs: int
    ) -> None:
        """Save everything that the next epoch depends on; the file appears whole.

        Args:
            parts: objects with a `state_dict`, by name.
            orders: the generators of the order of the rows.
            device: its generator draws dropout and augmentation.
            epochs: how many are done.
        """
        content = {name: part.state_dict() for name, part in parts.items()} | {
            "identity": self.identity,
            "epochs": epochs,
            "orders": [generator.bit_generator.state for generator in orders],
            "generator": torch.get_rng_state(),
            "gpu_generator": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        }
        with written_whole(self.path) as staged:
            torch.save(content, staged)

    def load(self, parts: Mapping[str, Any], orders: Sequence[np.random.Generator], device: torch.device) -> int:
        """Restore what was saved.

        Returns:
            The number of epochs that are done; 0 if this training has saved nothing.

        Raises:
            FormatError: the file is damaged.
        """
        if not self.path.exists():
            return 0
        with reading(self.path, "the state of a training"):
            content = torch.load(self.path, weights_only=True, map_location="cpu")
            return self._restore(content, parts, orders, device) if content["identity"] == self.identity else 0

    def _restore(
        self,
        content: Mapping[str, Any],
        parts: Mapping[str, Any],
        orders: Sequence[np.random.Generator],
        device: torch.device,
    ) -> int:
        epochs = content["epochs"]
        if not isinstance(epochs, int) or epochs < 0:
            raise FormatError(f"{self.path} states {epochs!r} epochs: delete it to start again.")
        for name, part in parts.items():
            part.load_state_dict(content[name])
        for generator, state in zip(orders, content["orders"], strict=True):
            generator.bit_generator.state = state
        torch.set_rng_state(content["generator"])
        if device.type == "cuda" and content["gpu_generator"] is not None:
            torch.cuda.set_rng_state(content["gpu_generator"], device)
        return epochs

    def save_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Save results that the training needs later, instead of the state of a model; the file appears whole."""
        with written_whole(self.path) as staged:
            torch.save({"identity": self.identity, "tensors": dict(tensors)}, staged)

    def load_tensors(self) -> Mapping[str, torch.Tensor]:
        """Give the results that this training saved; none if it has saved nothing.

        Raises:
            FormatError: the file is damaged.
        """
        if not self.path.exists():
            return {}
        with reading(self.path, "the state of a training"):
            content = torch.load(self.path, weights_only=True, map_location="cpu")
            tensors: dict[str, torch.Tensor] = content["tensors"] if content["identity"] == self.identity else {}
            return tensors

    def beside(self, name: str, *numbers: int) -> "State":
        """Give the state of a part of the training, such as a model that it needs, in a file beside this one.

        Args:
            name: of the file, after this one's name and a dot.
            numbers: of the part, if several use the file one after the other.
        """
        return State(self.path.with_name(f"{self.path.name}.{name}"), f"{self.identity} {name} {numbers}")

    def delete(self) -> None:
        """Delete the file and those beside it, because the training has ended."""
        for path in (self.path, *self.path.parent.glob(f"{glob.escape(self.path.name)}.*")):
            path.unlink(missing_ok=True)
