"""A defence with noise that follows no known law: noise on the probabilities, which are scaled to sum to 1 again."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset
from scipy.special import softmax

from dynanoise_export.defences.base import Defence, standard_normals
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, VERSION, of_opset
from dynanoise_export.types import Floats


@script(Opset(DOMAIN, VERSION), default_opset=op)
def blurred(logits, noise, classes: int, strength: float):
    p = op.Softmax(logits, axis=-1)
    noisy = op.Add(p, op.Mul(op.Constant(value_float=strength), op.Abs(noise)))
    return op.Div(noisy, op.ReduceSum(noisy, op.Constant(value=CLASS_AXIS), keepdims=1))


@dataclass(frozen=True)
class Blurred(Defence):
    """Softmax with the absolute value of noise on each probability."""

    strength: float = 0.1

    name = "blurred"
    function_name = "Blurred"

    def function(self, opset: int) -> ir.Function:
        return of_opset(blurred, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        noisy = softmax(logits, axis=-1) + self.strength * np.abs(noise)
        return noisy / noisy.sum(axis=-1, keepdims=True)

    def undo(self, log_probabilities: Floats) -> Floats:
        return log_probabilities

    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        return np.log(self.defend(logits, standard_normals(logits, generator) / answers**0.5))
