"""A guard behind which the model answers several copies of each query, with fixed offsets.

The copies lie around the query, so that its label is that of its neighbourhood: it does not change within a sphere
around the query. The offsets are drawn once, when the guard is made. So the answer is a function of the query alone,
and a query that is repeated tells nothing more. Who has the file has the offsets.

Source: Rajabi et al., "LDL: A Defense for Label-Based Membership Inference Attacks" (2022), where noisy variants of a
query within a sphere get one label. That the offsets are fixed, and that the mean of the copies' probabilities goes to
any defence, are our choices; `label-only` makes a label of it.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from dynanoise_export.defences.guards.guard import FLOATS, Guard, GuardKind
from dynanoise_export.defences.guards.merging import merge
from dynanoise_export.errors import UnsupportedModelError, UsageError
from dynanoise_export.fixed_tensors import MOST_NUMBERS
from dynanoise_export.types import Array, Arrays, Float64s, Floats, TensorSpec

FEWEST_COPIES, MOST_COPIES = 2, 256
DEFAULT_COPIES = 9


class CopyingGuard(Guard):
    """A guard with an offset for each copy; the model must take floats alone, in rows of a fixed shape."""

    #: The name of the tensor with the offsets, of the shape [copies, …]: after the first axis that of a row.
    offsets_name: ClassVar[str]

    def __post_init__(self) -> None:
        """Check the tensors, which may come from a file."""
        super().__post_init__()
        if len({tensors[self.offsets_name].shape[0] for tensors in self.bounds.values()}) > 1:
            raise UsageError(f"The inputs of the guard {self.kind} have different numbers of copies.")

    @property
    def copies(self) -> int:
        """How many rows the model answers for each query."""
        return next(iter(self.bounds.values()))[self.offsets_name].shape[0]

    def asked(self, inputs: Arrays) -> dict[str, Array]:
        """Give the copies, one after the other of all rows: copies·n rows."""
        return {name: self._guarded(name, array, self._copied) for name, array in inputs.items()}

    def merged(self, scores: Float64s, *, probabilities: bool) -> Float64s:
        """Average the probabilities of the copies."""
        return merge(scores, self.copies, probabilities=probabilities)

    def require_fits(self, inputs: Sequence[TensorSpec]) -> None:
        """Check that the guard covers all inputs, and has the shape of their rows."""
        super().require_fits(inputs)
        require_copied(self.kind, inputs)
        for spec in inputs:
            if self.bounds[spec.name][self.offsets_name].shape[1:] != spec.shape[1:]:
                raise UsageError(f"The offsets of the guard {self.kind} do not have the shape of the input {spec}.")

    def tables(self, name: str) -> dict[str, Floats]:
        """Give the offsets, [copies, 1, …], and the shape of the copies' rows."""
        offsets = self.bounds[name][self.offsets_name].array
        rows = np.array([-1, *offsets.shape[1:]], np.float32)
        return {self.offsets_name: offsets[:, None], "rows": rows}

    def _copied(self, rows: Floats, *operands: Floats) -> Floats:
        *_, offsets, shape = operands
        guarded = self._computed(rows, *operands)
        return self._moved(guarded, offsets).reshape(shape.astype(np.int64))

    @abstractmethod
    def _moved(self, rows: Floats, offsets: Floats) -> Floats:
        """Put the offsets [copies, 1, …] on guarded rows [n, …], as the function does: [copies, n, …]."""

    def _require_offsets(self, name: str) -> None:
        shape = self.bounds[name][self.offsets_name].shape
        if not shape or not FEWEST_COPIES <= shape[0] <= MOST_COPIES:
            raise UsageError(
                f"The guard {self.kind} takes {FEWEST_COPIES} to {MOST_COPIES} copies, and has others for the input "
                f"{name!r}."
            )


def require_copied(kind: GuardKind, inputs: Sequence[TensorSpec]) -> None:
    """Check that a model's rows can be copied.

    Raises:
        UnsupportedModelError: an input is not of floats, or the shape of its rows is not fixed.
    """
    for spec in inputs:
        if spec.dtype not in FLOATS or not all(isinstance(axis, int) for axis in spec.shape[1:]):
            raise UnsupportedModelError(
                f"The guard {kind} moves floats in rows of a fixed shape, and the model takes {spec}: choose another "
                "guard, or leave --guard out."
            )


def copies_of(kind: GuardKind, parameters: Mapping[str, float], inputs: Sequence[TensorSpec]) -> int:
    """Read the number of copies.

    Raises:
        UsageError: it is no such number, or the offsets of so many copies are more numbers than a file may state.
        UnsupportedModelError: the model's rows can't be copied.
    """
    require_copied(kind, inputs)
    copies = parameters["copies"]
    if copies != round(copies) or not FEWEST_COPIES <= copies <= MOST_COPIES:
        raise UsageError(
            f"The guard {kind} takes {FEWEST_COPIES} to {MOST_COPIES} copies, not {copies:g}: change "
            "--guard-parameter copies."
        )
    largest = max(int(np.prod(spec.shape[1:], dtype=np.int64)) for spec in inputs)
    if copies * largest > MOST_NUMBERS:
        raise UsageError(
            f"The offsets of {copies:g} copies of {largest:,} numbers are more than the {MOST_NUMBERS:,} numbers that "
            "a file may state: take fewer with --guard-parameter copies."
        )
    return int(copies)
