"""Recover the noise of a defended model from its answers.

T · log p̂ = z + η up to a constant for each query, so the answers and the undefended logits z give back the
differences of the noise between classes. Its Helmert contrasts, divided by σ(q), are independent standard
normals if and only if the noise is what Algorithm 1 says.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.defences import dynanoise_reference
from dynanoise_export.parameters import Parameters
from dynanoise_export.validation.exact import magnitudes

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Between two classes of a query, noise differs by more than this many σ once in 5e19 pairs.
FARTHEST_APART = 13.0
# The largest error of a recovered noise value, in σ.
LARGEST_ERROR = 0.005
# Below float32's least normal number a probability loses digits, and runtimes cut exp off near there.
SMALLEST = float(np.finfo(np.float32).tiny)
# Of the rounding in z + ση, the division by T, the subtraction of the largest, exp, the division by the sum.
ROUNDINGS = 4.0
UNIT_ROUNDOFF = 2.0**-24


@dataclass(frozen=True)
class RecoveredNoise:
    """The noise of c calls with the same n queries of k classes, as standardised contrasts.

    Column j of a contrast compares class j with the mean of the usable classes before it, and is empty for the
    first usable class.

    Attributes:
        contrasts: [c, n, k], in σ(q): independent standard normals where `used`, for correct noise; 0 elsewhere.
        used: [n, k], the same for every call, and a function of the logits alone unless `wrong` is above 0.
        logit_contrasts: [n, k], the same contrasts of the logits, in σ(q).
        sensitivity: [n], R(q).
        resolution: the largest error of a contrast that float32 can cause, in σ.
        wrong: the number of answers that are zero, negative or no number where correct noise can't make them so.
        usable: the share of the n · k classes whose noise can be recovered.
    """

    contrasts: Float64s
    used: Bools
    logit_contrasts: Float64s
    sensitivity: Float64s
    resolution: float
    wrong: int
    usable: float

    @property
    def draws(self) -> Float64s:
        """All contrasts that are in use, [c · used]."""
        return self.contrasts[:, self.used].ravel()

    @cached_property
    def magnitudes(self) -> Float64s:
        """The magnitudes of the contrasts, [c, n, k], which are standard normals too where `used`."""
        return magnitudes(self.contrasts)


def recover(
    logits: Floats, answers: Floats, parameters: Parameters, unswapping: np.random.Generator | None = None
) -> RecoveredNoise:
    """Recover the noise from the answers to n queries.

    Which classes take part is told by the logits alone: to leave out those that noise drove out of float32's
    range would cut off the noise's tail. A query with a wrong answer is left out as a whole, and counted.

    Args:
        logits: [n, k], of the undefended model, in nats; infinities count as their limits.
        answers: [c, n, k], the defended probabilities of c calls, as float32 came out of the model.
        parameters: σ₀, λ and T.
        unswapping: for answers that keep the undefended label, which is taken back first, draws what it was swapped
            with; None for others. What is recovered elsewhere for the same audit needs other draws.

    Raises:
        ValueError: the shapes don't fit each other.
    """
    if answers.ndim != 3 or answers.shape[1:] != logits.shape:
        raise ValueError(f"answers of shape {answers.shape} don't fit logits of shape {logits.shape}")
    z, sigma = noise_scale(logits, parameters)
    error = recovery_error(z, sigma, parameters.temperature)
    usable = recoverable(z, sigma, parameters.temperature)
    wrong: Bools = usable & ~(np.isfinite(answers) & (answers >= SMALLEST))
    kept = usable & ~np.any(wrong, axis=(0, 2), keepdims=True)[0]
    scale = np.where(kept, sigma, 1.0)
    known = np.where(kept, z, 0.0) / scale
    noisy = parameters.temperature * np.log(np.where(kept, answers, 1.0).astype(np.float64)) / scale
    if unswapping is not None:
        noisy = unswapped(noisy, known, kept, logits.argmax(axis=1), unswapping)
    noise = noisy - known
    contrasts, used = helmert_contrasts(noise, kept)
    return RecoveredNoise(
        contrasts=contrasts,
        used=used,
        logit_contrasts=helmert_contrasts(known, kept)[0],
        sensitivity=dynanoise_reference.sensitivity(torch.from_numpy(z)).numpy()[:, 0],
        resolution=2 * float(np.max(error / sigma, where=kept, initial=0.0)),
        wrong=int(wrong.sum()),
        usable=float(usable.mean()),
    )


def unswapped(
    noisy: Float64s, logits: Float64s, usable: Bools, label: npt.NDArray[np.int64], generator: np.random.Generator
) -> Float64s:
    """Undo the swap that keeps a label, at random among the classes that it may have been swapped with.

    A swap is an isometry, so the noisy logits were x with class j on top with a density in proportion to that of x
    swapped back, which for Gaussian noise is exp(-(x_c - x_j)(z_c - z_j) / σ²) times that of no swap. To draw j in
    these proportions gives noise of exactly the law it had, if and only if it is what Algorithm 1 says.

    Args:
        noisy: [c, n, k], noisy logits up to a constant a row, in σ(q), with the label's on top.
        logits: [n, k], the undefended ones, in σ(q).
        usable: [n, k], the classes whose noise can be recovered; the others were never on top.
        label: [n], c.
        generator: draws the classes.

    Returns:
        The noisy logits before the swap, [c, n, k].
    """
    rows = np.arange(len(label))
    apart = (noisy[:, rows, label][..., None] - noisy) * (logits[rows, label][:, None] - logits)
    possible = usable & usable[rows, label][:, None]
    possible[rows, label] = True
    chances = np.where(possible, -apart, -np.inf)
    partner = np.argmax(chances + generator.gumbel(size=chances.shape), axis=2)[..., None]
    own = np.broadcast_to(label[:, None], partner.shape)
    before = noisy.copy()
    np.put_along_axis(before, own, np.take_along_axis(noisy, partner, 2), 2)
    np.put_along_axis(before, partner, np.take_along_axis(noisy, own, 2), 2)
    return before


def noise_scale(logits: Floats, parameters: Parameters) -> tuple[Float64s, Float64s]:
    """Compute σ(q) in float64.

    Args:
        logits: [n, k] in nats.
        parameters: σ₀ and λ.

    Returns:
        The logits with infinities at their limits, [n, k], and σ(q), [n, 1].
    """
    z = np.clip(logits.astype(np.float64), -dynanoise_reference.LARGEST_LOGIT, dynanoise_reference.LARGEST_LOGIT)
    return z, dynanoise_reference.noise_scale(torch.from_numpy(z), parameters).numpy()


def recovery_error(z: Float64s, sigma: Float64s, temperature: float) -> Float64s:
    """Bound what float32 can add to each recovered noise value, up to a constant for each query.

    Args:
        z: [n, k] logits.
        sigma: [n, 1], σ(q).
        temperature: T.

    Returns:
        The bound, in logits, [n, k].
    """
    apart = z.max(axis=-1, keepdims=True) - z
    bound: Float64s = ROUNDINGS * UNIT_ROUNDOFF * (temperature + np.abs(z) + apart + FARTHEST_APART * sigma)
    return bound


def recoverable(z: Float64s, sigma: Float64s, temperature: float) -> Bools:
    """Tell which classes' noise float32 probabilities give back, by the logits alone.

    Args:
        z: [n, k] logits, finite.
        sigma: [n, 1], σ(q).
        temperature: T.

    Returns:
        [n, k], True where log p̂ stays in float32's normal range, whatever the noise within
        `FARTHEST_APART`, and where rounding stays below `LARGEST_ERROR`.
    """
    apart = z.max(axis=-1, keepdims=True) - z
    lowest = -(apart + FARTHEST_APART * sigma) / temperature - np.log(z.shape[-1])
    small_error = recovery_error(z, sigma, temperature) <= LARGEST_ERROR * sigma
    usable: Bools = (lowest >= np.log(SMALLEST)) & small_error
    return usable


def helmert_contrasts(values: Float64s, usable: Bools) -> tuple[Float64s, Bools]:
    """Turn values into Helmert contrasts over the usable classes of each query, in O(k).

    The contrast of the r-th usable class after the first is (mean of the r before it − its value) · √(r / (r + 1)):
    what `scipy.linalg.helmert` gives where all classes are usable. Adding a constant to a query changes nothing,
    and independent values of equal variance give independent contrasts of that variance.

    Args:
        values: [..., n, k], finite where usable.
        usable: [n, k].

    Returns:
        The contrasts [..., n, k], 0 where there is none, and where there is one [n, k].
    """
    x = np.where(usable, values, 0.0)
    before: npt.NDArray[np.int64] = np.cumsum(usable, axis=-1) - usable
    mean_before = (np.cumsum(x, axis=-1) - x) / np.maximum(before, 1)
    used = usable & (before > 0)
    contrasts = (mean_before - x) * np.sqrt(before / (before + 1))
    return np.where(used, contrasts, 0.0), used
