"""Heads: the defences that turn logits and noise into the probabilities that a client sees."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import onnx_ir as ir

from dynanoise_export.mechanism import onnx_function
from dynanoise_export.parameters import Parameters

if TYPE_CHECKING:
    import torch


class Head(Protocol):
    """A defence at inference time: an ONNX function from logits to probabilities, with its PyTorch twin."""

    @property
    def name(self) -> str:
        """The function's name in the graph, in the domain `ai.dynanoise`."""

    def parameters_dict(self) -> dict[str, float]:
        """Tell the parameters by name, for the provenance and for reports."""

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Tell the attributes of the node that calls the function, for a model of k classes."""

    def defend(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Answer like the function: logits [..., k] and standard normals [..., k] to probabilities [..., k]."""


@dataclass(frozen=True)
class DynaNoise:
    """The head that this project is named after."""

    parameters: Parameters

    @property
    def name(self) -> str:
        """The function's name in the graph."""
        return "DynaNoise"

    def parameters_dict(self) -> dict[str, float]:
        """Tell σ₀, λ and T."""
        return {
            "sigma0": self.parameters.sigma0,
            "lambda": self.parameters.lambda_,
            "temperature": self.parameters.temperature,
        }

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return onnx_function.function(opset)

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Tell the attributes of the node: k, σ₀, λ and T."""
        # A whole number among them must not become an attribute of whole numbers.
        return {"classes": classes} | {name: float(value) for name, value in asdict(self.parameters).items()}

    def defend(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Answer by Algorithm 1 in PyTorch."""
        from dynanoise_export.mechanism import reference  # an ONNX file is exported without PyTorch

        return reference.defend(logits, noise, self.parameters)
