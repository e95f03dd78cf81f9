"""The figures of one attack for each class and for each group of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.accuracy import verdicts
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import LEVEL, Interval, proportion
from dynanoise_export.types import Array, Bools

# A part with fewer members or fewer non-members is too small for a figure.
FEWEST = 20


@dataclass(frozen=True)
class PartResult:
    """The figures of one part of the rows.

    Attributes:
        name: of the class or the group.
        members: the number of its members among the judged rows; `non_members`: likewise.
        auc: of the attack on these rows alone.
        tpr: the TPR at each FPR of `FPRS`, with an interval for this part alone; None if there are too few non-members.
        balanced_accuracy: of the attack's verdicts.
        accuracy: of one answer of the model, on all these rows.
    """

    name: str
    members: int
    non_members: int
    auc: Interval
    tpr: dict[float, Interval | None]
    balanced_accuracy: float
    accuracy: Interval


@dataclass(frozen=True)
class PartResults:
    """The figures of all parts, those with the largest AUC first.

    The intervals of the AUCs, and those of the accuracies, hold for all parts together with 95% confidence
    (Bonferroni): among many parts, some would look exposed by chance.

    Attributes:
        parts: those with at least `FEWEST` members and non-members.
        too_small: the number of the others.
    """

    parts: tuple[PartResult, ...]
    too_small: int


def results_by_class(result: Result, audit: Audit, answers: Responses) -> PartResults:
    """Compute the figures of one attack for each class; `answers` are single ones to all rows."""
    return _by(audit.y, audit.class_name, result, audit, answers)


def results_by_group(result: Result, audit: Audit, answers: Responses) -> PartResults | None:
    """Compute the figures of one attack for each group; None if the rows have no groups."""
    return None if audit.group is None else _by(audit.group, str, result, audit, answers)


def _by(keys: Array, name: Callable[[Any], str], result: Result, audit: Audit, answers: Responses) -> PartResults:
    judged = audit.judged
    of_rows, member, correct = keys[judged], audit.member[judged], answers.correct[judged] > 0
    values, part_of = np.unique(of_rows, return_inverse=True)
    members, others = (np.bincount(part_of[side], minlength=len(values)) for side in (member, ~member))
    large = np.flatnonzero((members >= FEWEST) & (others >= FEWEST))
    error = (1 - LEVEL) / max(len(large), 1)
    parts = [_part(name(values[part]), result, part_of == part, member, correct, error) for part in large]
    return PartResults(tuple(sorted(parts, key=lambda part: -part.auc.value)), len(values) - len(large))


def _part(name: str, result: Result, rows: Bools, member: Bools, correct: Bools, error: float) -> PartResult:
    scores, inside = result.scores[rows], member[rows]
    roc = curve(scores, inside)
    return PartResult(
        name=name,
        members=int(inside.sum()),
        non_members=int((~inside).sum()),
        auc=auc(placements(scores, inside), error),
        tpr={fpr: tpr_at(roc, fpr) for fpr in FPRS},
        balanced_accuracy=verdicts(result.said[rows], inside).balanced_accuracy.value,
        accuracy=proportion(int(correct[rows].sum()), int(rows.sum()), error),
    )
