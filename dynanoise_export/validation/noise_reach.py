"""Does the noise reach every class of every answer.

A probability of exactly 0 has a logit of −∞, which no noise changes. If all classes but one have one, the answer
leaves the model as it would without a defence.
"""

import numpy as np

from dynanoise_export.types import Bools, Floats
from dynanoise_export.validation.check import Check, CheckCode, judge, not_run
from dynanoise_export.validation.noise_alive import CERTAIN

# Under other noise, an answer has the same probability once in a million times or so, and not that often in a row.
DRAWS = 4

WAY_OUT = (
    "export the model again, so that probabilities get a floor, or choose a higher temperature if logits are that far "
    "apart"
)


def changed_classes(answers: Floats) -> Bools:
    """Find the classes that noise changes.

    Args:
        answers: [c, n, k], to the same queries under different noise.

    Returns:
        bool [n, k]; a class that is nearly certain counts as changed if another class of its answer is.
    """
    sound = np.isfinite(answers).all(axis=0)
    changed: Bools = sound & (answers != answers[0]).any(axis=0)
    certain = sound & (answers >= CERTAIN).all(axis=0)
    return changed | (certain & changed.any(axis=1, keepdims=True))


def reaches_every_class(answers: Floats, *, repeats: bool = False) -> Check:
    """Check that the noise reaches all classes of all answers.

    Args:
        answers: [c, n, k], to the same queries.
        repeats: whether their noise is the same too; then a class is reached if it is above 0.
    """
    code = CheckCode.NOISE_REACHES_EVERY_CLASS
    if answers.ndim != 3:
        return not_run(code, f"the answers have the shape {list(answers.shape[1:])}, and not [n, k]")
    reached: Bools = np.all(answers > 0, axis=0) if repeats else changed_classes(answers)
    untouched = ~reached.any(axis=1)
    classes = ~reached[~untouched]
    missed = int((~reached).sum())
    if not missed:
        detail = f"The noise reaches each of the {reached.shape[1]:,} classes of all {len(reached):,} rows."
    else:
        others = f"{int(classes.sum()):,} classes of {int(classes.any(axis=1).sum()):,} other rows get no noise"
        rows = f"{int(untouched.sum()):,} of {len(reached):,} rows leave as they came in"
        detail = f"{rows}, and {others}: {WAY_OUT}."
    return judge(code, missed, 0, detail)
