"""The interface of a guard: it brings every query into a domain before the model sees it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Array, Arrays, Float64s, Floats, TensorSpec, row_count

if TYPE_CHECKING:  # `--help` lists the guards without it
    import onnx_ir as ir

# Rows that are looked at together, so that a large bundle is not read whole.
ROWS = 4096
FLOATS = {"float16", "float32", "float64"}


class GuardKind(StrEnum):
    """The kinds of guards.

    - box: each number is clipped to its range.
    - binary: each number becomes 0 or 1.
    - image: each number becomes the nearest level of 8 bits.
    - sphere: as box, and the model answers several copies with Gaussian offsets.
    - binary-sphere: as binary, and the model answers several copies with flipped numbers.
    """

    BOX = "box"
    BINARY = "binary"
    IMAGE = "image"
    SPHERE = "sphere"
    BINARY_SPHERE = "binary-sphere"


@dataclass(frozen=True)
class Guard(ABC):
    """A guard on all inputs of floats of a model; other inputs pass as they are.

    A row inside the domain passes bit for bit as it is. NaN never passes: it becomes the lowest number of the domain.

    Attributes:
        bounds: for each guarded input, its tensors by name, in the order of `tensor_names`.
    """

    bounds: Mapping[str, Mapping[str, FixedTensor]]

    kind: ClassVar[GuardKind]
    #: The name of its ONNX function, in the domain `ai.dynanoise`.
    function_name: ClassVar[str]
    #: The names of the tensors of each input.
    tensor_names: ClassVar[tuple[str, ...]] = ()
    #: The tensors that act like a key: the file holds them, and no report shows them.
    secret_names: ClassVar[tuple[str, ...]] = ()
    #: The parameters that the user may choose, with their defaults.
    defaults: ClassVar[Mapping[str, float]] = MappingProxyType({})

    def __post_init__(self) -> None:
        if not self.bounds:
            raise UsageError(f"The guard {self.kind} needs at least one input of floats.")
        for name, tensors in self.bounds.items():
            if set(tensors) != set(self.tensor_names):
                wanted = ", ".join(self.tensor_names) or "no bounds"
                raise UsageError(f"The guard {self.kind} takes for the input {name!r} {wanted}.")
            if not all(np.isfinite(tensor.array).all() for tensor in tensors.values()):
                raise UsageError(f"The bounds of the guard {self.kind} for the input {name!r} are not all finite.")
            self._require_sound(name)

    def apply(self, inputs: Arrays) -> dict[str, Array]:
        """Guard rows, in NumPy as in the graph.

        Args:
            inputs: an array of n rows for each input of the model.

        Returns:
            The same, with the guarded inputs brought into the domain; floats keep their type.

        Raises:
            UsageError: the bounds do not fit the rows.
        """
        return {
            name: self._guarded(name, array, self._computed) if name in self.bounds else array
            for name, array in inputs.items()
        }

    @property
    def copies(self) -> int:
        """How many rows the model answers for each query."""
        return 1

    def asked(self, inputs: Arrays) -> dict[str, Array]:
        """Give the rows that the model sees, in NumPy as in the graph.

        Args:
            inputs: an array of n rows for each input of the model.

        Returns:
            The same with copies·n rows: the guarded rows, or copy after copy of all of them.

        Raises:
            UsageError: the bounds do not fit the rows.
        """
        return self.apply(inputs)

    def merged(self, scores: Float64s, *, probabilities: bool) -> Float64s:
        """Make one answer of the model's scores for the copies of each query.

        Args:
            scores: [copies·n, k], for the rows of `asked`.
            probabilities: whether they are probabilities; logits otherwise.

        Returns:
            [n, k], probabilities or logits as well.
        """
        return scores

    def redrawn(self, generator: np.random.Generator) -> Self:
        """Give the same guard with other secret tensors, as an attacker makes it who does not know them."""
        return self

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Give the same guard for a model that calls its inputs otherwise: the old names to the new ones."""
        return type(self)({names.get(name, name): tensors for name, tensors in self.bounds.items()})

    def require_fits(self, inputs: Sequence[TensorSpec]) -> None:
        """Check that the guard covers all inputs of floats of a model, with bounds of their shapes.

        Raises:
            UsageError: it does not.
        """
        covered = guarded_inputs(inputs)
        if {spec.name for spec in covered} != set(self.bounds):
            raise UsageError(
                f"The guard is for the inputs {', '.join(self.bounds)}, and the model's inputs of floats are "
                f"{', '.join(spec.name for spec in covered)}."
            )
        for spec in covered:
            if not all(_fits(np.shape(operand), spec.shape[1:]) for operand in self.operands(spec.name).values()):
                raise UsageError(f"The bounds of the guard {self.kind} do not have the shape of the input {spec}.")

    @abstractmethod
    def operands(self, name: str) -> dict[str, Floats]:
        """Give what the function takes after the input of this name, in order: float32, each of the shape of a row.

        A shape may have fewer axes, or axes of size 1, which count for all numbers along the axis.
        """

    def tables(self, name: str) -> dict[str, Floats]:
        """Give what the function takes after the operands: float32, of any shape."""
        return {}

    @abstractmethod
    def function(self, opset: int) -> "ir.Function":
        """Make the ONNX function for a model of this opset (13 or later).

        It takes an input of float32 or float64, then the operands and the tables in the same type, and gives the
        guarded input.
        """

    @abstractmethod
    def described(self, name: str) -> str:
        """Describe the bounds of an input, for people."""

    @abstractmethod
    def _require_sound(self, name: str) -> None:
        """Check the tensors of an input, which may come from a file; raise `UsageError`."""

    @abstractmethod
    def _computed(self, rows: Floats, *operands: Floats) -> Floats:
        """Compute as the function does."""

    def _guarded(self, name: str, array: Array, computed: Callable[..., Floats]) -> Array:
        work = working_type(array)
        operands = self.operands(name)
        if not all(_fits(np.shape(operand), array.shape[1:]) for operand in operands.values()):
            raise UsageError(
                f"The bounds of the guard {self.kind} do not fit rows of the shape {list(array.shape[1:])}."
            )
        with np.errstate(invalid="ignore"):  # a signalling NaN
            rows = np.asarray(array).astype(work, copy=False)
        guarded = computed(rows, *(given.astype(work) for given in (operands | self.tables(name)).values()))
        return guarded.astype(array.dtype if array.dtype.kind == "f" else work, copy=False)


def working_type(array: Array) -> type[np.floating]:
    """Give the type that a guard computes in: float32, which holds all of float16, or float64."""
    return np.float64 if array.dtype == np.float64 else np.float32


def guarded_inputs(inputs: Sequence[TensorSpec]) -> list[TensorSpec]:
    """List the inputs that a guard covers.

    Raises:
        UsageError: there are none.
    """
    covered = [spec for spec in inputs if spec.dtype in FLOATS]
    if not covered:
        raise UsageError(
            f"A guard covers inputs of floats, and the model takes {', '.join(map(str, inputs))}: leave --guard out."
        )
    return covered


def changed_rows(guard: Guard, inputs: Arrays) -> int:
    """Count the rows that a guard changes, for each input an array of n rows."""
    count = 0
    for start in range(0, row_count(inputs), ROWS):
        part = {name: inputs[name][start : start + ROWS] for name in guard.bounds}
        pairs = [(part[name].astype(np.float32), array) for name, array in guard.apply(part).items()]
        differ = [rows != array.astype(np.float32) for rows, array in pairs]
        changed = [one.reshape(len(one), -1).any(axis=1) for one in differ]
        count += int(np.any(changed, axis=0).sum())
    return count


def _fits(bounds: tuple[int, ...], row: Sequence[int | str]) -> bool:
    """Whether bounds of a shape count for a row of a shape; a dynamic axis has one bound."""
    if len(bounds) > len(row):
        return False
    ends = row[len(row) - len(bounds) :]
    return all(size in (1, axis) for size, axis in zip(bounds, ends, strict=True))
