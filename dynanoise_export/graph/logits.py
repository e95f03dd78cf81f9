"""Find the logits behind a classifier's output, by the structure of the graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError

# Operators that end a linear layer: their outputs are logits, without a trial run.
LINEAR = {"Gemm", "MatMul", "Conv"}


class Scale(Enum):
    """What a classifier's scores are."""

    LOGITS = auto()
    PROBABILITIES = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Logits:
    """Where the defence goes.

    Attributes:
        value: the logits, or probabilities if no logits can be reached; then the defence takes their logarithm.
        scale: of the value; unknown if only a trial run can decide.
        seen: what was found, for people.
    """

    value: ir.Value
    scale: Scale
    seen: str


def behind(output: ir.Value) -> Logits:
    """Walk up from an output, through a final softmax if there is one.

    Raises:
        UnsupportedModelError: the output is that of a sigmoid, so its classes do not exclude each other.
    """
    value = _uncast(output)
    if (logits := _softmax_input(value)) is not None:
        if logits.type is None and value.shape is not None:  # a softmax does not change them
            logits.type, logits.shape = value.type, value.shape
        return Logits(logits, Scale.LOGITS, f"{logits.name}, the input of the final softmax")
    operator = _operator(value)
    if operator in {"Sigmoid", "HardSigmoid"}:
        raise UnsupportedModelError(
            f"The output {output.name!r} comes from a {operator}, with one independent probability for each label "
            "(multi-label), and defences need classes that exclude each other."
        )
    if _is_linear(value) or _is_biased_linear(value):
        return Logits(output, Scale.LOGITS, f"{output.name}, the output of a {operator}")
    return Logits(output, Scale.UNKNOWN, f"{output.name}, an output")


def _operator(value: ir.Value) -> str:
    node = value.producer()
    return node.op_type if node is not None and node.domain in ("", "ai.onnx") else ""


def _input(value: ir.Value, operators: set[str], index: int = 0) -> ir.Value | None:
    """Give an input of the node that made the value, if the node is one of these operators."""
    node = value.producer()
    if _operator(value) not in operators or node is None or len(node.inputs) <= index:
        return None
    return node.inputs[index]


def _uncast(value: ir.Value) -> ir.Value:
    """Go up through Identity, and through Cast between float types."""
    while (before := _input(value, {"Identity", "Cast"})) is not None:
        node = value.producer()
        if node is not None and not ir.DataType(node.attributes.get_int("to", 1)).is_floating_point():
            break
        value = before
    return value


def _is_linear(value: ir.Value) -> bool:
    """Whether a linear layer made it, and not a product of probabilities, which sums classes into groups."""
    node = value.producer()
    if _operator(value) not in LINEAR or node is None:
        return False
    return all(v is None or _softmax_input(_uncast(v)) is None for v in node.inputs)


def _is_biased_linear(value: ir.Value) -> bool:
    node = value.producer()
    if _operator(value) != "Add" or node is None:
        return False
    layer = [v for v in node.inputs if v is not None and _is_linear(v)]
    bias = [v for v in node.inputs if v is not None and v.const_value is not None]
    return bool(layer and bias)


def _softmax_input(value: ir.Value) -> ir.Value | None:
    """Give the logits if the value is their softmax or log-softmax, as one operator or several."""
    forms: Sequence[Callable[[ir.Value], ir.Value | None]] = (_one_operator, _log_of, _exp_of, _quotient)
    return next((logits for form in forms if (logits := form(value)) is not None), None)


def _one_operator(value: ir.Value, *operators: str) -> ir.Value | None:
    """Give the input of a Softmax or LogSoftmax, or only of those that are named."""
    logits = _input(value, set(operators) or {"Softmax", "LogSoftmax"})
    node = value.producer()
    if logits is None or node is None:
        return None
    # Up to opset 12 the default axis is 1, and later axes are flattened into it: the same for [n, k].
    return logits if node.attributes.get_int("axis", -1) in (1, -1) else None


def _log_of(value: ir.Value) -> ir.Value | None:
    inner = _input(value, {"Log"})
    return None if inner is None else _one_operator(inner, "Softmax") or _quotient(inner)


def _exp_of(value: ir.Value) -> ir.Value | None:
    inner = _input(value, {"Exp"})
    return None if inner is None else _one_operator(inner, "LogSoftmax")


def _quotient(value: ir.Value) -> ir.Value | None:
    """Give z of exp(x) / Σ exp(x), with x = z or x = z − max z."""
    powers, total = _input(value, {"Div"}), _input(value, {"Div"}, 1)
    if powers is None or total is None or not _reduces(total, "ReduceSum", powers):
        return None
    exponent = _input(powers, {"Exp"})
    if exponent is None:
        return None
    shifted, maximum = _input(exponent, {"Sub"}), _input(exponent, {"Sub"}, 1)
    if shifted is not None and maximum is not None and _reduces(maximum, "ReduceMax", shifted):
        return shifted
    return exponent


def _reduces(value: ir.Value, operator: str, of: ir.Value) -> bool:
    """Whether the value is this reduction of the other over its classes, with the axis kept."""
    node = value.producer()
    if _input(value, {operator}) is not of or node is None or node.attributes.get_int("keepdims", 1) != 1:
        return False
    if "axes" in node.attributes:
        axes = list(node.attributes["axes"].as_ints())
    elif len(node.inputs) > 1 and node.inputs[1] is not None:
        constant = ir.convenience.get_const_tensor(node.inputs[1])
        axes = [] if constant is None else constant.numpy().tolist()
    else:
        return False
    return axes in ([-1], [1])
