"""What every room shares: arrays, the inputs of a model, precision, and progress; each defined once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Arrays = Mapping[str, Array]
Floats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Precision(StrEnum):
    """The type that a model computes in. A defence always computes in float32."""

    FP32 = "fp32"
    FP16 = "fp16"


@dataclass(frozen=True)
class TensorSpec:
    """One input of a model.

    Attributes:
        name: as the model calls it.
        dtype: NumPy's name of its type.
        shape: a number for a fixed axis, a name for a dynamic axis.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}:{','.join(map(str, self.shape))}:{self.dtype}"


@dataclass(frozen=True)
class Step:
    """How far a long call has come.

    Attributes:
        what: what it does now, for people.
        done: units that are done.
        total: units in all; None if they can't be counted.
        unit: what is counted, in the plural.
    """

    what: str
    done: float = 0
    total: int | None = None
    unit: str = ""


# Every long call takes one of these as `progress`, and calls it often.
Progress = Callable[[Step], None]


def no_progress(step: Step) -> None:
    """Show nothing: the default of every long call."""


def row_count(inputs: Arrays) -> int:
    """Count the rows of a model's inputs."""
    return len(next(iter(inputs.values())))
