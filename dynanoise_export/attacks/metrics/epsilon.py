"""What an attack proves of differential privacy: ε is no smaller than this."""

import numpy as np
import numpy.typing as npt

from dynanoise_export.intervals import LEVEL, lower, upper

# A bound of the one rate and one of the other, each of which may fail.
ERROR = (1 - LEVEL) / 2
CANDIDATES = 100


def epsilon_lower_bound(scores: npt.NDArray[np.floating], member: npt.NDArray[np.bool_]) -> float:
    """Bound ε from below with 95% confidence, at δ = 0: TPR ≤ e^ε · FPR, and likewise for the other side.

    The threshold and the side are chosen on one half of the rows and judged on the other, so that the choice costs no
    confidence.

    Args:
        scores: [n], larger for likely members.
        member: bool [n].

    Returns:
        At least 0, which is no bound at all.

    Source: Jagielski et al. 2020, for the bound; rows count as independent trials on one model, as in Steinke et al.
    2023.
    """
    first = np.random.default_rng(0).permutation(len(scores)) < len(scores) // 2
    if any(not member[half].any() or member[half].all() for half in (first, ~first)):
        return 0.0
    cuts = _candidates(scores[first], member[first])
    chosen = np.unravel_index(np.argmax(_bounds(scores[first], member[first], cuts)), (2, len(cuts)))
    return max(0.0, float(_bounds(scores[~first], member[~first], cuts[[chosen[1]]])[chosen[0], 0]))


def _candidates(scores: npt.NDArray[np.floating], member: npt.NDArray[np.bool_]) -> npt.NDArray[np.floating]:
    """List thresholds that lie close at both ends of the curve, where ε shows."""
    shares = np.geomspace(1 / len(scores), 0.5, CANDIDATES // 2)
    both = np.concatenate([shares, 1 - shares])
    return np.unique([*np.quantile(scores[member], both), *np.quantile(scores[~member], both)])


def _bounds(
    scores: npt.NDArray[np.floating], member: npt.NDArray[np.bool_], cuts: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Give the bounds [2, cuts] from members found per non-member accused, and from the acquitted likewise."""
    inside, outside = np.sort(scores[member]), np.sort(scores[~member])
    found = len(inside) - np.searchsorted(inside, cuts)
    accused = len(outside) - np.searchsorted(outside, cuts)
    n1, n0 = len(inside), len(outside)
    with np.errstate(divide="ignore"):
        return np.log(
            [
                lower(found, n1, ERROR) / upper(accused, n0, ERROR),
                lower(n0 - accused, n0, ERROR) / upper(n1 - found, n1, ERROR),
            ]
        )
