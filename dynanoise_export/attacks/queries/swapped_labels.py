"""Take known noise off answers, also where a kept label swapped two of their numbers."""

import numpy as np

from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.types import Float64s, Floats, Int64s

# What is left when the right noise is taken off is rounding; the wrong noise leaves as much as there was.
LARGEST_ERROR = 0.01
# With more classes than this only those are tried that stand out: the label and at most two classes were swapped.
ALL_TRIED, STANDING_OUT = 16, 4


def noise_taken_off(answers: Floats, noise: Floats, law: NoiseLaw, *, kept: bool) -> Float64s | None:
    """Recover logits from two answers to each of b rows, whose noise is known.

    Args:
        answers: noisy logits [2, b, k], up to a constant for each row and answer.
        noise: standard normals [2, b, k].
        law: of the noise.
        kept: whether the answers keep the undefended model's label.

    Returns:
        Logits [b, k], up to a constant for each row; None if the answers do not have this noise.
    """
    logits, errors = zip(
        *(
            _row_solved(answers[:, row].astype(np.float64), noise[:, row].astype(np.float64), law, kept)
            for row in range(answers.shape[1])
        ),
        strict=True,
    )
    return np.stack(logits) if np.median(errors) < LARGEST_ERROR else None


def _row_solved(answers: Float64s, noise: Float64s, law: NoiseLaw, kept: bool) -> tuple[Float64s, float]:
    """Solve for one row's logits [k], and say how badly they fit."""
    if not kept:
        logits, error = _solved(answers[:, None], noise[:, None], law)
        return logits[0], float(error[0])
    label = int(answers[0].argmax())
    logits, error = _solved(_unswapped(answers, label, _suspects(answers, noise)), noise[:, None], law)
    error = np.where(logits.argmax(axis=1) == label, error, np.inf)
    return logits[error.argmin()], float(error.min())


def _suspects(answers: Float64s, noise: Float64s) -> Int64s:
    """List the classes that may have been swapped with the label."""
    classes = answers.shape[1]
    if classes <= ALL_TRIED:
        return np.arange(classes)
    seen, expected = answers[0] - answers[1], noise[0] - noise[1]
    # Most classes agree on the scale of the noise: a swap changes few of these quotients, and not their median.
    scale = np.median(np.diff(seen) / np.diff(expected))
    left = seen - scale * expected
    return np.argsort(np.abs(left - np.median(left)))[-STANDING_OUT:]


def _unswapped(answers: Float64s, label: int, suspects: Int64s) -> Float64s:
    """Undo the swaps that may have been made with the label: two answers [2, k] to [2, h, k]."""
    others = np.append(suspects, label)  # without a swap the label stays
    tried = np.repeat(answers[:, None], len(others), axis=1)
    places = np.arange(len(others))
    tried[:, places, label] = answers[:, others]
    tried[:, places, others] = answers[:, [label]]
    return np.stack([np.repeat(tried[0], len(others), axis=0), np.tile(tried[1], (len(others), 1))])


def _solved(answers: Float64s, noise: Float64s, law: NoiseLaw) -> tuple[Float64s, Float64s]:
    """Solve for the logits and the scale of the noise: the difference of two answers has the noise alone.

    Args:
        answers: [2, h, k].
        noise: [2, 1, k].
        law: of the noise, which the scale must follow.

    Returns:
        Logits [h, k], and how badly they fit, [h], in parts of the noise.
    """
    seen, expected = _contrasts(answers[0] - answers[1]), _contrasts(noise[0] - noise[1])
    scale = (seen * expected).sum(axis=1, keepdims=True) / (expected**2).sum(axis=1, keepdims=True)
    logits = (answers - scale * noise).mean(axis=0)
    left = seen - scale * expected
    due = law.scale(logits)
    return logits, np.sqrt((left**2).sum(axis=1) + ((scale - due) ** 2)[:, 0]) / due[:, 0]


def _contrasts(values: Float64s) -> Float64s:
    return np.asarray(values - values.mean(axis=1, keepdims=True))
