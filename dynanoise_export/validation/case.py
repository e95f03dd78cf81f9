"""What the checks of one run share."""

import dataclasses
from dataclasses import dataclass

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.types import Arrays, Float64s
from dynanoise_export.validation.tolerance import Tolerance


@dataclass(frozen=True)
class Case:
    """A model, the defence that it is judged by, and n queries with the reference's logits.

    Attributes:
        model: where it is deployed.
        defence: what its answers must follow.
        classes: k.
        rows: n rows for each of the model's inputs, without noise.
        expected: [n, k], the reference's logits.
        tolerance: how far the model's logits may differ from them.
        provider: what ONNX Runtime runs graphs on.
    """

    model: DeployedModel
    defence: Defence
    classes: int
    rows: Arrays
    expected: Float64s
    tolerance: Tolerance
    provider: Provider

    def first(self, count: int) -> "Case":
        """Give the same case with its first `count` rows only."""
        rows = {name: array[:count] for name, array in self.rows.items()}
        return dataclasses.replace(self, rows=rows, expected=self.expected[:count])
