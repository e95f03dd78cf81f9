"""The least noise on a row that makes a model unsure of it, within bounds that keep its label (Kassa et al.).

The paper leaves some of it open. Here, the scores whose gap bounds the noise are probabilities, and the gradient is
that of the gap. The Shapley values are Aumann's and Shapley's for differentiable functions, which are integrated
gradients (Sundararajan et al. 2017) of the probability of the model's own label, from the mean training row: exact
values take 2^d answers for each row. A feature with a negative value, which speaks against that label, has the bound
of one with no influence.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients

STEPS = 20  # of the ascent, and of the integral
HALVINGS = 15  # of the interval that has the least noise

Network = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class NoiseBounds:
    """The bounds of the noise on b rows.

    Attributes:
        box: [b, ...], the largest absolute noise on each feature.
        radius: [b], the largest Euclidean norm.
    """

    box: torch.Tensor
    radius: torch.Tensor

    def project(self, noise: torch.Tensor) -> torch.Tensor:
        """Give the noise that is within the bounds: clipped to the box, then shortened."""
        clipped = torch.maximum(torch.minimum(noise, self.box), -self.box)
        return clipped * _like(torch.clamp(self.radius / norms(clipped).clamp(min=1e-12), max=1), clipped)


def shapley_values(network: Network, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Compute how much each feature adds to the probability of the model's own label.

    Args:
        network: maps rows [b, ...] to logits [b, k].
        x: the rows [b, ...].
        baseline: one row [1, ...], whose values stand for features that are not known.

    Returns:
        [b, ...], whose sum over a row is the probability at x minus that at the baseline, but for the error of the
        integral.
    """
    labels = network(x).argmax(dim=1)
    attribution = IntegratedGradients(lambda rows: network(rows).softmax(dim=1))
    values: torch.Tensor = attribution.attribute(x, baselines=baseline, target=labels, n_steps=STEPS)
    return values.to(x.dtype).detach()


def noise_bounds(network: Network, x: torch.Tensor, values: torch.Tensor, epsilon: float, beta: float) -> NoiseBounds:
    """Compute the bounds of the noise.

    Args:
        network: maps rows [b, ...] to logits [b, k].
        x: the rows [b, ...].
        values: the Shapley values [b, ...].
        epsilon: the largest noise on a feature without influence.
        beta: how much of it the most influential feature loses.
    """
    positive = values.clamp(min=0)
    largest = positive.flatten(1).amax(dim=1)
    share = positive / _like(largest.clamp(min=torch.finfo(x.dtype).tiny), x)
    x = x.detach().requires_grad_()
    two = network(x).double().softmax(dim=1).topk(2, dim=1).values
    gap = two[:, 0] - two[:, 1]
    (gradient,) = torch.autograd.grad(gap.sum(), x)
    radius = gap.detach().to(x.dtype) / norms(gradient).clamp(min=torch.finfo(x.dtype).tiny)
    return NoiseBounds(epsilon * (1 - beta * share), radius)


def least_noise(network: Network, x: torch.Tensor, bounds: NoiseBounds, entropy: float) -> torch.Tensor:
    """Find little noise that raises the entropy of the answer.

    Projected gradient ascent raises the entropy until it is high enough; a step that lowers it is not made, and the
    next is half as long. Then the noise is shortened as far as the entropy stays high enough. Where the bounds do not
    allow the entropy, the bounds hold, and the entropy is the highest that was found.

    Args:
        network: maps rows [b, ...] to logits [b, k].
        x: the rows [b, ...].
        bounds: of the noise.
        entropy: that the answers need, in nats.

    Returns:
        The noise [b, ...].
    """
    noise = torch.zeros_like(x)
    reached, direction = _ascent(network, x, noise)
    stride = torch.minimum(bounds.radius, norms(bounds.box)) / 4
    for _ in range(STEPS):
        tried = bounds.project(noise + _like(stride, x) * direction)
        found, next_direction = _ascent(network, x, tried)
        better = (found > reached) & (reached < entropy)
        noise = torch.where(_like(better, x) > 0, tried, noise)
        direction = torch.where(_like(better, x) > 0, next_direction, direction)
        reached = torch.where(better, found, reached)
        stride = torch.where(better, stride, stride / 2)
    return _shortened(network, x, noise, entropy)


def _ascent(network: Network, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the entropies [b] of noisy rows, and the directions [b, ...], of norm 1, in which they rise fastest."""
    noise = noise.detach().requires_grad_()
    found = entropies(network(x + noise))
    # The entropy of a certain answer and its gradient are both near 0; those of its logarithm are not.
    (gradient,) = torch.autograd.grad(found.log().sum(), noise)
    return found.detach(), gradient / _like(norms(gradient).clamp(min=torch.finfo(x.dtype).tiny), x)


@torch.no_grad()
def _shortened(network: Network, x: torch.Tensor, noise: torch.Tensor, entropy: float) -> torch.Tensor:
    """Shorten the noise as far as the entropy stays high enough; noise that does not reach it stays as it is."""
    reached = entropies(network(x + noise)) >= entropy
    low, high = x.new_zeros(len(x)), x.new_ones(len(x))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = entropies(network(x + noise * _like(middle, x))) >= entropy
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    none_needed = entropies(network(x)) >= entropy
    factor = torch.where(reached, high, 1).masked_fill(none_needed, 0)
    return noise * _like(factor, x)


def entropies(logits: torch.Tensor) -> torch.Tensor:
    """Compute the entropy of each answer in nats: logits [b, k] to float64 [b], always above 0.

    No term of the sum cancels another, so that an answer that is all but certain has a direction in which to move.
    """
    top = logits.argmax(dim=1, keepdim=True)
    below = logits.double() - logits.double().gather(1, top)
    odds = below.exp().scatter(1, top, 0)
    total = odds.sum(dim=1)
    return (total.log1p() - (odds * below).sum(dim=1) / (1 + total)).clamp(min=1e-300)


def norms(rows: torch.Tensor) -> torch.Tensor:
    """Compute the Euclidean norm of each row: [b, ...] to [b]."""
    lengths: torch.Tensor = torch.linalg.vector_norm(rows.flatten(1), dim=1)
    return lengths


def _like(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Give values [b] the axes of rows [b, ...]."""
    return values.to(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
