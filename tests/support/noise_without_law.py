"""A defence with noise that follows no known law: noise on the probabilities, which are scaled to sum to 1 again."""

from dataclasses import dataclass

import onnx_ir as ir
import torch
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.base import Defence
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, VERSION, of_opset


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

    def defend(self, logits: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        noisy = logits.softmax(dim=-1) + self.strength * noise.abs()
        return noisy / noisy.sum(dim=-1, keepdim=True)

    def undo(self, log_probabilities: torch.Tensor) -> torch.Tensor:
        return log_probabilities

    def mean_answer(self, logits: torch.Tensor, answers: float, generator: torch.Generator) -> torch.Tensor:
        noise = torch.randn(logits.shape, generator=generator, dtype=logits.dtype)
        return self.defend(logits, noise / answers**0.5).log()
