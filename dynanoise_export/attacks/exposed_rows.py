"""The rows that are most at risk: averages over all rows understate the worst case (Aerni, Zhang and Tramèr 2024)."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.methods.lira import SMALLEST_VARIANCE, spreads
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.one_run import choose_guesses, one_run_epsilon
from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.attacks.queries.query_plan import margin
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import Interval
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.types import Bools, Float64s, Int64s

# This share of the rows counts as most exposed, but at least so many rows; with fewer there are no figures.
SHARE, FEWEST = 0.1, 100
# Of each kind, members and non-members.
FEWEST_OF_EACH = 20


class Chosen(StrEnum):
    """How the most exposed rows were found."""

    CANARIES = "canaries"
    SHADOW_MODELS = "shadow-models"


@dataclass(frozen=True)
class ExposedRows:
    """What the strongest attack gets on the rows that are most at risk.

    Attributes:
        chosen: how they were found, without a look at the target.
        members: how many of them are members.
        non_members: how many are not.
        result: the strongest attack, chosen on all rows.
        auc: its AUC on these rows.
        tpr: its TPR on these rows at each FPR of `FPRS`; None if there are too few non-members to measure it.
        epsilon: a lower bound on ε by the guesses about them, with 95% confidence.
    """

    chosen: Chosen
    members: int
    non_members: int
    result: Result
    auc: Interval
    tpr: dict[float, Interval | None]
    epsilon: float


def exposed_rows(audit: Audit, store: ShadowStore | None, strongest: Result) -> ExposedRows | None:
    """Judge the strongest attack on the canaries, or else on the rows that shadow models show to be most exposed.

    Returns:
        None if there are neither canaries nor shadow models, or too few of these rows.
    """
    member = audit.member[audit.judged]
    if audit.canary is not None:
        chosen, rows = Chosen.CANARIES, np.flatnonzero(audit.canary[audit.judged])
    elif store is not None:
        chosen, rows = Chosen.SHADOW_MODELS, _most_exposed(audit, store)
    else:
        return None
    inside = member[rows]
    if min(inside.sum(), (~inside).sum()) < FEWEST_OF_EACH:
        return None
    scores = strongest.scores[rows]
    roc = curve(scores, inside)
    return ExposedRows(
        chosen,
        int(inside.sum()),
        int((~inside).sum()),
        strongest,
        auc(placements(scores, inside)),
        {fpr: tpr_at(roc, fpr) for fpr in FPRS},
        _epsilon(scores, inside),
    )


def _most_exposed(audit: Audit, store: ShadowStore) -> Int64s:
    """Find the judged rows whose margin training changes most, in standard deviations of the shadow models."""
    judged = np.flatnonzero(audit.judged)
    margins = np.stack([margin(np.asarray(one)[judged], audit.y[judged]) for one in store.logits])
    trained_on = store.kept[:, judged]
    (_, inside, within), (_, outside, without) = (spreads(margins, side) for side in (trained_on, ~trained_on))
    variance = (within + without) / (len(margins) - 2)
    shift = (inside - outside) / np.sqrt(np.maximum(variance, SMALLEST_VARIANCE))
    most = max(FEWEST, round(SHARE * len(judged)))
    return np.sort(np.argsort(-shift, kind="stable")[:most])


def _epsilon(scores: Float64s, member: Bools) -> float:
    """Bound ε: how many rows to guess is chosen on one half of the rows, and judged on the other."""
    first = np.random.default_rng(0).permutation(len(scores)) < len(scores) // 2
    guesses = choose_guesses(scores[first], member[first])
    return one_run_epsilon(scores[~first], member[~first], guesses)
