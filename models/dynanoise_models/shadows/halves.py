"""Which rows each shadow model learns: each row is kept by exactly half of the models."""

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError


def halves(rows: int, models: int, seed: int) -> npt.NDArray[np.bool_]:
    """Draw who learns what: bool [models, rows].

    The models come in pairs: one learns a random half of the rows, the next one the other half. So each row is in
    exactly half of the models, each model learns half of the rows, and more models can be added to those that are
    there. With an odd number of rows, one half has a row more.

    Args:
        rows: n.
        models: an even number.
        seed: of the draw.

    Raises:
        UserError: the number is odd, or below two.
    """
    require_even(models)
    kept = np.zeros((models, rows), bool)
    for pair in range(models // 2):
        chosen = np.random.default_rng((seed, pair)).permutation(rows)[: rows // 2]
        kept[2 * pair, chosen] = True
        kept[2 * pair + 1] = ~kept[2 * pair]
    return kept


def require_even(models: int) -> None:
    """Check a number of models.

    Raises:
        UserError: it is odd, or below two.
    """
    if models < 2 or models % 2:
        raise UserError(f"--count {models}: give an even number, for each row is kept by exactly half of the models.")
