"""What must hold for a model that takes its noise as an input."""

import numpy as np
import torch

from dynanoise_export.runtimes.predictor import Arrays, Predictor, rows_of
from dynanoise_export.validation.check import Check, judge
from dynanoise_export.validation.parity_checks import Floats, Tolerance
from dynanoise_export.validation.subject import Subject

# The same row in another place of the batch may be summed in another order.
SAME = 1e-6


def fed_noise_alone(subject: Subject, predictor: Predictor, rows: Arrays) -> list[Check]:
    """Check that the answers follow the noise that is sent, wherever a row stands, and that nothing else is random."""
    if subject.deployed.noise_input is None:
        raise AssertionError("the model takes no noise")
    generator = np.random.default_rng(0)
    noise, other = generator.standard_normal((2, rows_of(rows), subject.classes), dtype=np.float32)
    order = generator.permutation(rows_of(rows))

    def ask(sent: Arrays, noise: np.ndarray) -> np.ndarray:
        return _answers(subject, predictor, sent, noise)

    first, again, moved = ask(rows, noise), ask(rows, noise), ask({k: a[order] for k, a in rows.items()}, noise[order])
    repeated = float(np.abs(first - again).max())
    placed = float(np.abs(first[order] - moved).max())
    deaf = int((first == ask(rows, other)).all(axis=1).sum())
    count = rows_of(rows)
    return [
        judge("fed noise repeats", repeated, 0, f"The same noise gives answers {repeated:.2g} apart."),
        judge("fed noise goes with its row", placed, SAME, f"In another order, answers stray by {placed:.2g}."),
        judge("fed noise is used", deaf, count // 2, f"{deaf:,} of {count:,} answers are the same under other noise."),
    ]


def equals_the_reference(
    subject: Subject, predictor: Predictor, rows: Arrays, expected: Floats, tolerance: Tolerance
) -> Check:
    """Check the answers against those of the reference behind Algorithm 1, under the same noise.

    Args:
        subject: the model.
        predictor: asks it.
        rows: n rows.
        expected: [n, k], the reference's logits.
        tolerance: of the logits.
    """
    noise = np.random.default_rng(1).standard_normal(expected.shape, dtype=np.float32)
    answers = _answers(subject, predictor, rows, noise)
    defended = subject.head.defend(torch.from_numpy(expected), torch.from_numpy(noise.astype(np.float64))).numpy()
    stray = float(np.abs(answers - defended).max())
    detail = (
        f"Under the same noise, answers differ from the reference's by {stray:.2g} at most, over {len(noise):,} rows."
    )
    return judge("fed noise parity", stray, tolerance.of_answers(subject.parameters.temperature), detail)


def _answers(subject: Subject, predictor: Predictor, rows: Arrays, noise: np.ndarray) -> np.ndarray:
    return np.asarray(predictor.run({**rows, subject.deployed.noise_input or "": noise})[subject.deployed.answers])
