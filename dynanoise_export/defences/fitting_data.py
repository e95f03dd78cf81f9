"""What a defence is fitted to: a model, and rows of which it is known whether the model was trained on them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dynanoise_export.types import Arrays, Bools, Float32s, Int64s


@dataclass(frozen=True)
class FittingData:
    """What a defence is fitted to.

    Attributes:
        ask: the undefended model: rows to logits float32 [b, k], for any number of rows.
        inputs: the rows, one array for each input of the model, all of n rows.
        y: int64 [n], the labels.
        member: bool [n], whether the model was trained on the row.
        classes: k.
        shadow_logits: float32 [m, n, k], of shadow models without a defence; None if there are none.
        shadow_kept: bool [m, n], whether the row was in the training set of a shadow model.
        seed: of everything random.
    """

    ask: Callable[[Arrays], Float32s]
    inputs: Arrays
    y: Int64s
    member: Bools
    classes: int
    shadow_logits: Float32s | None = None
    shadow_kept: Bools | None = None
    seed: int = 0

    @cached_property
    def logits(self) -> Float32s:
        """The logits [n, k] of the undefended model."""
        return self.ask(self.inputs)

    def generator(self) -> np.random.Generator:
        """Make the generator of everything random."""
        return np.random.default_rng(self.seed)
