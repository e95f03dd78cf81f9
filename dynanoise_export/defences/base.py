"""The interface of a defence at inference time: one object with everything that the rest of the library needs."""

import dataclasses
import keyword
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Float64s, Floats

if TYPE_CHECKING:  # `--help` lists the defences without it
    import onnx_ir as ir


@dataclass(frozen=True)
class NoiseLaw:
    """The law of a defence's noise, which is used to recover the noise from answers and to audit it.

    Noisy logits are z + scale(z) · η with η ~ N(0, I), and the answer is softmax(noisy logits / temperature).

    Attributes:
        scale: maps logits, float64 [n, k], to the standard deviation of the noise on each logit of a query, [n, 1].
        temperature: divides the noisy logits.
        variance: the formula of the variance (scale²), for people.
    """

    scale: Callable[[Floats], Floats]
    temperature: float
    variance: str


@dataclass(frozen=True)
class SearchRange:
    """Where `tune` looks for a parameter of a defence.

    Attributes:
        low: the smallest value.
        high: the largest value.
        log: whether the values that it tries are spread over the orders of magnitude.
        whole: whether only whole numbers are tried.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


class Defence(ABC):
    """A defence at inference time.

    A defence is a frozen dataclass whose fields are its parameters, all of them numbers with a default. A defence that
    is fitted to a model also has fields without a default, its tensors. It is found by its name in the registry
    `dynanoise_export.defences`; docs/architecture.md shows how to add one.
    """

    #: Its name in the registry, in the provenance and for `--defence`.
    name: ClassVar[str]
    #: The name of its ONNX function, in the domain `ai.dynanoise`.
    function_name: ClassVar[str]
    #: Whether the ONNX function takes standard normals as its second input.
    takes_noise: ClassVar[bool] = True
    #: Whether its noise is added to values of the query, and so covers them; other noise chooses among answers.
    adds_noise: ClassVar[bool] = True
    #: The names of its tensors, which are fields of type `FixedTensor`, in the order in which the function takes them.
    tensor_names: ClassVar[tuple[str, ...]] = ()

    @property
    def keep_label(self) -> bool:
        """Whether the largest probability goes back to the class that the undefended model names."""
        return False

    @property
    def law(self) -> NoiseLaw | None:
        """The law of its noise; None if it has no noise, or noise whose law the audit can't judge."""
        return None

    @property
    def lipschitz(self) -> float:
        """How far a probability can move when every logit moves by 1 under the same noise, at most."""
        return 1.0

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound how far answers jump, beyond what `lipschitz` allows, if the logits move a little.

        Args:
            logits: [n, k], finite or not.
            moved: [n, k], how far each logit may move.

        Returns:
            In probability, [n]; 0 where no edge is near, and for a defence without edges.
        """
        return np.zeros(len(logits))

    @property
    def parameters(self) -> dict[str, float]:
        """Its parameters by name, for the provenance and for reports."""
        return {field.name.rstrip("_"): getattr(self, field.name) for field in _numbers(type(self))}

    @property
    def tensors(self) -> dict[str, FixedTensor]:
        """Its tensors by name, for the provenance."""
        return {name: getattr(self, name) for name in self.tensor_names}

    @classmethod
    def from_parameters(cls, values: Mapping[str, object], tensors: Mapping[str, FixedTensor] | None = None) -> Self:
        """Make the defence from parameters and tensors by name; parameters not given have their defaults.

        Raises:
            UsageError: a name is unknown, a tensor is missing, or a value is not a finite number or out of bounds.
        """
        fields = {field.name.rstrip("_"): field.name for field in _numbers(cls)}
        unknown = [name for name in values if name not in fields]
        if unknown:
            known = ", ".join(fields) or "none"
            raise UsageError(f"The defence {cls.name} has no parameter {unknown[0]!r}; it has {known}.")
        if set(tensors or {}) != set(cls.tensor_names):
            raise UsageError(_of_tensors(cls))
        return cls(**(tensors or {}), **{fields[name]: require_number(name, value) for name, value in values.items()})

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes."""
        # A whole number among them must not become an integer attribute.
        return {"classes": classes} | {_spelled(name): float(value) for name, value in self.parameters.items()}

    @classmethod
    def from_attributes(
        cls, attributes: Mapping[str, object], tensors: Mapping[str, FixedTensor] | None = None
    ) -> Self:
        """Make the defence from the attributes of a node that calls its function, and the tensors that it takes.

        Raises:
            UsageError: they are not this defence's, or a value is out of bounds.
        """
        values = {name.rstrip("_"): value for name, value in attributes.items() if name != "classes"}
        return cls.from_parameters(values, tensors)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for, by name, for a model of k classes; the others keep their defaults.

        A defence that does not say has no parameters to tune.
        """
        return {}

    @classmethod
    def fit(cls, data: FittingData, parameters: Mapping[str, object]) -> Self:
        """Fit the defence to a model; a defence without tensors has nothing to fit.

        Args:
            data: the model, and the rows that the user gives.
            parameters: by name; those not given have their defaults.

        Raises:
            UserError: the data or a parameter can't be used.
        """
        return cls.from_parameters(parameters)

    @abstractmethod
    def function(self, opset: int) -> "ir.Function":
        """Make the ONNX function for a model of this opset (13 or later).

        It takes logits [n, k], then standard normals float32 [n, k] if `takes_noise`, then the tensors, and gives
        float32 probabilities [n, k].
        """

    @abstractmethod
    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Answer as the function does, in NumPy: logits and standard normals [n, k] to probabilities [n, k].

        A defence without noise ignores the second argument.
        """

    @abstractmethod
    def undo(self, log_probabilities: Floats) -> Floats:
        """Take back what an attacker who knows the defence can.

        Args:
            log_probabilities: [n, k], of an answer, or their mean over several answers.

        Returns:
            Logits [n, k] up to a constant for each row; the noise is still on them.
        """

    @abstractmethod
    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        """Draw what `undo` makes of the mean over a number of answers with fresh noise: logits [n, k] to the same."""


def standard_normals(like: Floats, generator: np.random.Generator) -> Floats:
    """Draw standard normals in the shape and type of an array."""
    drawn: Floats = generator.standard_normal(like.shape, dtype=np.float32 if like.dtype == np.float32 else np.float64)
    return drawn


def require_number(name: str, value: object) -> float:
    """Check that a value, which may come from a file, is a number that a float can hold.

    Raises:
        UsageError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise UsageError(f"{name} must be a finite number, not {value!r}.")
    return value


def require_between(name: str, value: float, low: float, high: float, *, open_low: bool = False) -> None:
    """Check a parameter of a defence.

    Raises:
        UsageError: it is not a finite number within its bounds.
    """
    inside = low < value <= high if open_low else low <= value <= high
    if not (math.isfinite(value) and inside):
        least = f"above {low:g} and at most" if open_low else f"between {low:g} and"
        raise UsageError(f"{name} must be {least} {high:g}, not {value:g}.")


def require_whole(name: str, value: float) -> None:
    """Check that a parameter is a whole number.

    Raises:
        UsageError: it is not.
    """
    if value != int(value):
        raise UsageError(f"{name} must be a whole number, not {value:g}.")


def _spelled(name: str) -> str:
    """Spell a parameter as an attribute: onnxscript writes functions in Python, which reserves some words."""
    return f"{name}_" if keyword.iskeyword(name) else name


def _numbers(defence: type[Defence]) -> list["dataclasses.Field[float]"]:
    fields: tuple[dataclasses.Field[float], ...] = (
        dataclasses.fields(defence) if dataclasses.is_dataclass(defence) else ()
    )
    return [field for field in fields if field.name not in defence.tensor_names]


def _of_tensors(defence: type[Defence]) -> str:
    if not defence.tensor_names:
        return f"The defence {defence.name} takes no tensors."
    return (
        f"The defence {defence.name} must be fitted to the model: give rows with --defence-data, or call fit_defence."
    )
