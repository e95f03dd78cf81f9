"""What must hold for a model that takes its noise as an input."""

import numpy as np

from dynanoise_export.runtimes.predictor import Predictor, answer, predict
from dynanoise_export.types import Arrays, Bools, Float32s, row_count
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, failed, judge
from dynanoise_export.validation.movement import Way
from dynanoise_export.validation.noise_reach import DRAWS
from dynanoise_export.validation.parity_checks import undecided
from dynanoise_export.validation.repetition_checks import compare
from dynanoise_export.validation.tolerance import jumps

# The same row at another position in the batch may be summed in another order.
SAME = 1e-6

CODES = (
    CheckCode.FED_NOISE_REPEATS,
    CheckCode.FED_NOISE_IN_ANOTHER_ORDER,
    CheckCode.FED_NOISE_IS_USED,
    CheckCode.FED_NOISE_PARITY,
    CheckCode.NOISE_REACHES_EVERY_CLASS,
)


def with_normals(case: Case, rows: Arrays, seed: int) -> Arrays:
    """Add standard normals to rows if the model takes its noise as an input; the same for the same seed."""
    if case.model.noise_input is None:
        return rows
    return {**rows, case.model.noise_input.name: _normals(row_count(rows), case.classes, seed)}


def fed_noise(case: Case, predictor: Predictor) -> list[Check]:
    """Check that answers follow the noise that is sent and the reference, and that nothing else is random.

    Raises:
        UserError: the model does not run on the rows.
    """
    count = row_count(case.rows)
    generator = np.random.default_rng(0)
    noise, other = generator.standard_normal((2, count, case.classes), dtype=np.float32)
    order = generator.permutation(count)
    permuted = {name: array[order] for name, array in case.rows.items()}
    first = _answers(case, predictor, case.rows, noise)
    again = _answers(case, predictor, case.rows, noise)
    in_order = _answers(case, predictor, permuted, noise[order])
    label = undecided(case.expected, case.seen) if case.defence.keep_label and case.logits_move() else None
    repeated = _farthest(first, again, label)
    moved = _farthest(first[order], in_order, None if label is None else label[order])
    unused = int((first == _answers(case, predictor, case.rows, other)).all(axis=1).sum())
    return [
        judge(
            CheckCode.FED_NOISE_REPEATS,
            repeated,
            case.same_again(Way.CALL),
            f"With the same noise, answers differ by {repeated:.2g}.",
        ),
        judge(
            CheckCode.FED_NOISE_IN_ANOTHER_ORDER,
            moved,
            case.same_again(Way.CALL, least=SAME),
            f"In another order, answers differ by {moved:.2g}.",
        ),
        judge(
            CheckCode.FED_NOISE_IS_USED,
            unused,
            count // 2,
            f"{unused:,} of {count:,} answers are the same with other noise.",
        ),
        _equals_the_reference(case, predictor),
    ]


def _farthest(answers: Float32s, others: Float32s, label: Bools | None) -> float:
    """Give the largest difference of answers [n, k]; rows [n] that may get either of two labels are left out."""
    differences = np.abs(answers - others).max(axis=1)
    return float(differences.max() if label is None else differences[~label].max(initial=0))


def _equals_the_reference(case: Case, predictor: Predictor) -> Check:
    """Compare the answers with the defended reference's under the same noise."""
    noise = _normals(len(case.expected), case.expected.shape[1], 1)
    answers = _answers(case, predictor, case.rows, noise)
    defended = case.defence.defend(case.expected, noise.astype(np.float64))
    code = CheckCode.FED_NOISE_PARITY
    if answers.shape != defended.shape:
        return failed(
            code, f"The answers have the shape {list(answers.shape)}, the reference's {list(defended.shape)}."
        )
    limit = case.tolerance.of_answers(case.defence)
    edge = undecided(case.expected, case.seen) if case.defence.keep_label else None
    jump = jumps(case.defence, case.expected, case.tolerance)
    return compare(code, answers[None], defended, limit, "the reference's under the same noise", edge, jump)


def answers_to_other_noise(case: Case, predictor: Predictor) -> Float32s:
    """Send all rows with different noise: [c, n, k].

    Raises:
        UserError: the model does not run on the rows.
    """
    sent = (with_normals(case, case.rows, seed) for seed in range(DRAWS))
    name, classes = case.model.name, case.classes
    answers = [predict(predictor, rows, case.model.answers, name=name, classes=classes) for rows in sent]
    return np.stack(answers).astype(np.float32)


def _normals(rows: int, classes: int, seed: int) -> Float32s:
    return np.random.default_rng(seed).standard_normal((rows, classes), dtype=np.float32)


def _answers(case: Case, predictor: Predictor, rows: Arrays, noise: Float32s) -> Float32s:
    if case.model.noise_input is None:
        raise AssertionError("the model takes no noise")
    sent = {**rows, case.model.noise_input.name: noise}
    return np.asarray(answer(predictor, sent, case.model.answers, case.model.name, case.classes), np.float32)
