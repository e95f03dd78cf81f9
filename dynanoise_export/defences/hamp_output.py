"""The output half of HAMP: an answer is the model's answer to a random input, in the order of the query's own classes.

A client learns the order of the classes and no more: the confidences are those of nobody's data. The paper draws a
random input for each query and runs the model on it. A graph can't run its model twice, so it carries a bank of answers
to random inputs, which are made when the defence is fitted. The noise chooses one of them.

Source: Chen and Pattabiraman, "Overconfidence is a Dangerous Thing" (NDSS 2024), section IV-C. What counts as a random
input is left open there for other data than theirs: `random_inputs` says what it is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset
from scipy.special import softmax

from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.defences.noise_numbers import FARTHEST, SHIFT, STEPS, noise_numbers
from dynanoise_export.defences.one_way import SMALLEST_PROBABILITY, OneWayDefence
from dynanoise_export.defences.random_inputs import random_inputs
from dynanoise_export.defences.ranks import given_out, may_change_places, ranking, sorted_answers
from dynanoise_export.defences.tensor_shapes import require_answers, require_classes
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset
from dynanoise_export.types import Float64s, Floats

# How many answers a bank has; fewer if they would be more numbers than the second constant.
MOST_ANSWERS, MOST_NUMBERS = 1000, 250_000

FAR, NEAR = (numpy_helper.from_array(np.array(bound, np.float32)) for bound in (FARTHEST, -FARTHEST))
STEPS_A_UNIT = numpy_helper.from_array(np.array(STEPS, np.float32))
SHIFTED = numpy_helper.from_array(np.array(SHIFT, np.int64))
FIRST = numpy_helper.from_array(np.array([0], np.int64))
FLAT = numpy_helper.from_array(np.array([-1], np.int64))
NOTHING = numpy_helper.from_array(np.array(0, np.float32))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def hamp_output_function(logits, noise, bank, classes: int):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    bounded = op.Clip(noise, op.Constant(value=NEAR), op.Constant(value=FAR))
    steps = op.Floor(op.Mul(bounded, op.Constant(value=STEPS_A_UNIT)))
    positive = op.Add(op.Cast(steps, to=onnx.TensorProto.INT64), op.Constant(value=SHIFTED))
    number = op.ReduceSum(positive, op.Constant(value=CLASS_AXIS), keepdims=0)
    which = op.Mod(number, op.Gather(op.Shape(bank), op.Constant(value=FIRST)))
    # Only a NaN among the logits changes an answer here.
    answer = op.Add(op.Gather(bank, which, axis=0), op.Mul(z, op.Constant(value=NOTHING)))

    k = op.Reshape(op.Constant(value_int=classes), op.Constant(value=FLAT))
    _sorted, order = op.TopK(z, k, axis=-1)
    return op.ScatterElements(answer, order, answer, axis=1)


@dataclass(frozen=True)
class HampOutput(OneWayDefence):
    """The model's answer to a random input, in the order of the query's classes.

    Attributes:
        bank: float32 [b, k], answers to random inputs, each sorted from the largest probability down.

    Raises:
        UsageError: the bank does not hold such answers.
    """

    bank: FixedTensor

    name = "hamp-output"
    function_name = "HampOutput"
    adds_noise = False
    tensor_names = ("bank",)

    def __post_init__(self) -> None:
        require_answers("bank", self.bank, in_order=True)

    @classmethod
    def fit(cls, data: FittingData, parameters: Mapping[str, object]) -> Self:
        """Ask the model random inputs in the range of the data's, at most 1,000.

        Raises:
            UserError: there is a parameter, or the model does not run on the inputs.
        """
        count = max(1, min(MOST_ANSWERS, MOST_NUMBERS // data.classes))
        drawn = random_inputs(data.inputs, count, data.generator())
        probabilities = softmax(data.ask(drawn).astype(np.float64), axis=1)
        bank = sorted_answers(np.maximum(probabilities, SMALLEST_PROBABILITY))
        return cls.from_parameters(parameters, {"bank": FixedTensor.of(bank)})

    @property
    def lipschitz(self) -> float:
        """An answer moves only where two classes change places."""
        return 0.0

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where neighbours in the order may change places, for any answer of the bank."""
        bank = self.bank.array.astype(np.float64)
        gaps = (bank[:, :-1] - bank[:, 1:]).max(axis=0)
        return np.asarray(np.minimum((may_change_places(logits, moved) * gaps).sum(axis=1), 1.0))

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes.

        Raises:
            UsageError: the bank is of a model with another number of classes.
        """
        require_classes("bank", self.bank, classes)
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(hamp_output_function, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Choose an answer of the bank by the noise, and give it out in the order of the logits."""
        bank = self.bank.array
        which = noise_numbers(noise)[:, 0] % len(bank)
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        return np.asarray(given_out(bank[which].astype(logits.dtype) + 0 * z, ranking(logits)))
