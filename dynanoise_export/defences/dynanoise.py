"""Heads: the defences that turn logits and noise into the probabilities that a client sees."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import onnx_ir as ir

from dynanoise_export.defences import dynanoise_onnx
from dynanoise_export.parameters import Parameters

if TYPE_CHECKING:
    import torch


class Head(Protocol):
    """A defence at inference time: an ONNX function from logits to probabilities, with its PyTorch twin."""

    @property
    def name(self) -> str:
        """The function's name in the graph, in the domain `ai.dynanoise`."""

    @property
    def keep_label(self) -> bool:
        """Whether the largest probability goes back to the class that the undefended model would have named."""

    def parameters_dict(self) -> dict[str, float]:
        """Tell the parameters by name, for the provenance and for reports."""

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Tell the attributes of the node that calls the function, for a model of k classes."""

    def defend(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Answer like the function: logits [..., k] and standard normals [..., k] to probabilities [..., k]."""

    def undo(self, log_probabilities: "torch.Tensor") -> "torch.Tensor":
        """Take back what an attacker who knows the defence can.

        Log-probabilities [..., k] of an answer, or their mean over several, to logits up to a constant a row; the
        noise is still on them.
        """

    def averaged(self, logits: "torch.Tensor", answers: float, generator: "torch.Generator") -> "torch.Tensor":
        """Draw what `undo` makes of the mean over so many answers with fresh noise: logits [n, k] to the same."""


@dataclass(frozen=True)
class DynaNoise:
    """The head that this project is named after.

    Attributes:
        parameters: of Algorithm 1.
        keep_label: whether the largest probability goes back to the class that the undefended model would have named.
    """

    parameters: Parameters
    keep_label: bool = False

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
        return dynanoise_onnx.function(opset)

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Tell the attributes of the node: k, σ₀, λ and T."""
        # A whole number among them must not become an attribute of whole numbers.
        return {"classes": classes} | {name: float(value) for name, value in asdict(self.parameters).items()}

    def defend(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Answer by Algorithm 1 in PyTorch."""
        from dynanoise_export.defences import dynanoise_reference  # an ONNX file is exported without PyTorch

        probabilities = dynanoise_reference.defend(logits, noise, self.parameters)
        if not self.keep_label:
            return probabilities
        return dynanoise_reference.keep_label(probabilities, logits.argmax(dim=1, keepdim=True))

    def undo(self, log_probabilities: "torch.Tensor") -> "torch.Tensor":
        """Multiply by T, which leaves the noisy logits up to a constant."""
        return log_probabilities * self.parameters.temperature

    def averaged(self, logits: "torch.Tensor", answers: float, generator: "torch.Generator") -> "torch.Tensor":
        """Draw the mean of so many noisy logits.

        Their noise is Gaussian, and so is its mean, at σ(q) / √answers. Where labels are kept it is not, and as many
        answers as are averaged are drawn, a whole number of them.
        """
        import torch

        from dynanoise_export.defences import dynanoise_reference

        scale = dynanoise_reference.noise_scale(logits, self.parameters)

        def noisy(scale: torch.Tensor) -> torch.Tensor:
            return logits + scale * torch.randn(logits.shape, generator=generator, dtype=logits.dtype)

        if not self.keep_label:
            return noisy(scale / answers**0.5)
        label = logits.argmax(dim=1, keepdim=True)
        count = max(1, round(answers))
        total = torch.zeros_like(logits)
        for _ in range(count):
            total += dynanoise_reference.swapped(noisy(scale), label)
        return total / count
