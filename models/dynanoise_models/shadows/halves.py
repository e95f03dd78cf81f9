"""Which rows each shadow model trains on: each row is in the training set of exactly half of the models."""

import numpy as np

from dynanoise_export.errors import UsageError
from dynanoise_export.types import Bools


def halves(rows: int, models: int, seed: int) -> Bools:
    """Draw the training sets of shadow models.

    The models come in pairs: one trains on a random half of the rows, the next on the other half. So each row is in
    the training sets of exactly half of the models, each model trains on half of the rows, and more models can be added
    later. With an odd number of rows, one half has one row more.

    Args:
        rows: n.
        models: m, an even number.
        seed: of the draw.

    Returns:
        bool [m, n], whether the row is in the model's training set.

    Raises:
        UsageError: the number of models is odd, or below two.
    """
    require_even(models)
    in_training = np.zeros((models, rows), bool)
    for pair in range(models // 2):
        half = np.random.default_rng((seed, pair)).permutation(rows)[: rows // 2]
        in_training[2 * pair, half] = True
        in_training[2 * pair + 1] = ~in_training[2 * pair]
    return in_training


def require_even(models: int) -> None:
    """Check a number of models.

    Raises:
        UsageError: it is odd, or below two.
    """
    if models < 2 or models % 2:
        raise UsageError(f"--count {models} must be an even number, because each row is in half of the training sets.")
