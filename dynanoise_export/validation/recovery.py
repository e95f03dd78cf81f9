"""Recover the noise of a defended model from its answers.

T · log p̂ = z + η up to a constant for each query, so the answers and the undefended logits z give back the
differences of the noise between classes. Its Helmert contrasts, divided by σ(q), are independent standard normals
if and only if the noise follows its law.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.defences.sensitivity import sensitivity
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Bools, Float64s, Floats, Int64s
from dynanoise_export.validation.exact import magnitudes

# The noise of two classes of a query differs by more than this many σ once in 5e19 pairs.
FARTHEST_APART = 13.0
# The largest error of a recovered noise value, in σ.
LARGEST_ERROR = 0.005
# Below float32's smallest normal number a probability loses digits, and runtimes cut exp off near there.
SMALLEST = float(np.finfo(np.float32).tiny)
# The roundings in z + ση, in the division by T, in the subtraction of the maximum, in exp, in the division by the sum.
ROUNDINGS = 4.0
UNIT_ROUNDOFF = 2.0**-24


@dataclass(frozen=True)
class RecoveredNoise:
    """The noise of c calls with the same n queries of k classes, as standardised contrasts.

    Column j of a contrast compares class j with the mean of the usable classes before it. It is empty for the first
    usable class.

    Attributes:
        contrasts: [c, n, k], in σ(q): independent standard normals where `used`, for correct noise; 0 otherwise.
        used: [n, k], the same for every call; it depends on the logits only, unless `wrong` is above 0.
        logit_contrasts: [n, k], the same contrasts of the logits, in σ(q).
        sensitivity: [n], R(q).
        variance: the formula of σ(q)², for people.
        resolution: the largest error of a contrast that float32 can cause, in σ.
        wrong: the number of answers that are zero, negative or NaN although correct noise can't make them so.
        usable: the share of the n · k classes with recoverable noise.
    """

    contrasts: Float64s
    used: Bools
    logit_contrasts: Float64s
    sensitivity: Float64s
    variance: str
    resolution: float
    wrong: int
    usable: float

    @property
    def draws(self) -> Float64s:
        """All contrasts in use, [c · used]."""
        return self.contrasts[:, self.used].ravel()

    @cached_property
    def magnitudes(self) -> Float64s:
        """The magnitudes of the contrasts, [c, n, k], which are also standard normals where `used`."""
        return magnitudes(self.contrasts)


def recover(
    logits: Floats, answers: Floats, law: NoiseLaw, unswapping: np.random.Generator | None = None
) -> RecoveredNoise:
    """Recover the noise from the answers to n queries.

    The logits alone decide which classes take part: to leave out the classes that noise drove out of float32's range
    would cut off the noise's tail. A query with a wrong answer is left out as a whole, and counted.

    Args:
        logits: [n, k], of the undefended model, in nats; infinities count as their limits.
        answers: [c, n, k], the defended probabilities of c calls, as float32 came out of the model.
        law: of the noise.
        unswapping: for answers that keep the undefended label: draws the class that each label was swapped with, to
            undo the swap; None for other answers. Two recoveries in one audit need different draws.

    Raises:
        ValueError: the shapes don't fit each other.
    """
    if answers.ndim != 3 or answers.shape[1:] != logits.shape:
        raise ValueError(f"answers of shape {answers.shape} don't fit logits of shape {logits.shape}")
    z, sigma = noise_scale(logits, law)
    error = recovery_error(z, sigma, law.temperature)
    usable = recoverable(z, sigma, law.temperature)
    wrong: Bools = usable & ~(np.isfinite(answers) & (answers >= SMALLEST))
    clean = usable & ~np.any(wrong, axis=(0, 2), keepdims=True)[0]
    scale = np.where(clean, sigma, 1.0)
    known = np.where(clean, z, 0.0) / scale
    noisy = law.temperature * np.log(np.where(clean, answers, 1.0).astype(np.float64)) / scale
    if unswapping is not None:
        noisy = unswapped(noisy, known, clean, logits.argmax(axis=1), unswapping)
    contrasts, used = helmert_contrasts(noisy - known, clean)
    return RecoveredNoise(
        contrasts=contrasts,
        used=used,
        logit_contrasts=helmert_contrasts(known, clean)[0],
        sensitivity=sensitivity(z)[:, 0].astype(np.float64),
        variance=law.variance,
        resolution=2 * float(np.max(error / sigma, where=clean, initial=0.0)),
        wrong=int(wrong.sum()),
        usable=float(usable.mean()),
    )


def unswapped(
    noisy: Float64s, logits: Float64s, usable: Bools, label: Int64s, generator: np.random.Generator
) -> Float64s:
    """Undo the swap that keeps a label, at random among the classes that it may have been swapped with.

    A swap is an isometry, so the noisy logits were x with class j on top with a density in proportion to that of x
    swapped back, which for Gaussian noise is exp(-(x_c - x_j)(z_c - z_j) / σ²) times that of no swap. Drawing j in
    these proportions gives noise of exactly its original law, if and only if it followed its law before.

    Args:
        noisy: [c, n, k], noisy logits up to a constant per row, in σ(q), with the label's on top.
        logits: [n, k], the undefended ones, in σ(q).
        usable: [n, k], the classes with recoverable noise; the others were never on top.
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


def noise_scale(logits: Floats, law: NoiseLaw) -> tuple[Float64s, Float64s]:
    """Compute σ(q) in float64.

    Args:
        logits: [n, k] in nats.
        law: of the noise.

    Returns:
        The logits with infinities at their limits, [n, k], and σ(q), [n, 1].
    """
    z = np.clip(logits.astype(np.float64), -LARGEST_LOGIT, LARGEST_LOGIT)
    return z, np.asarray(law.scale(z), np.float64)


def recovery_error(z: Float64s, sigma: Float64s, temperature: float) -> Float64s:
    """Bound the error that float32 can add to each recovered noise value, up to a constant for each query.

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
    """Decide by the logits alone which classes' noise float32 probabilities give back.

    Args:
        z: [n, k] logits, finite.
        sigma: [n, 1], σ(q).
        temperature: T.

    Returns:
        [n, k], True where log p̂ stays in float32's normal range, whatever the noise within `FARTHEST_APART`, and
        where rounding stays below `LARGEST_ERROR`.
    """
    apart = z.max(axis=-1, keepdims=True) - z
    lowest = -(apart + FARTHEST_APART * sigma) / temperature - np.log(z.shape[-1])
    small_error = recovery_error(z, sigma, temperature) <= LARGEST_ERROR * sigma
    usable: Bools = (lowest >= np.log(SMALLEST)) & small_error
    return usable


def helmert_contrasts(values: Float64s, usable: Bools) -> tuple[Float64s, Bools]:
    """Turn values into Helmert contrasts over the usable classes of each query, in O(k).

    The contrast of the r-th usable class after the first is (mean of the r before it − its value) · √(r / (r + 1)).
    If all classes are usable, that is `scipy.linalg.helmert`. Adding a constant to a query changes nothing, and
    independent values of equal variance give independent contrasts of that variance.

    Args:
        values: [..., n, k], finite where usable.
        usable: [n, k].

    Returns:
        The contrasts [..., n, k], 0 where there is none, and where there is one [n, k].
    """
    x = np.where(usable, values, 0.0)
    before: Int64s = np.cumsum(usable, axis=-1) - usable
    mean_before = (np.cumsum(x, axis=-1) - x) / np.maximum(before, 1)
    used = usable & (before > 0)
    contrasts = (mean_before - x) * np.sqrt(before / (before + 1))
    return np.where(used, contrasts, 0.0), used
