"""Which rows are at risk: how surely the attacks find each of them."""

from collections.abc import Sequence

import numpy as np

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import Result, strongest
from dynanoise_export.types import Bools, Float64s, Int64s


def exposed_first(report: AttackReport) -> Int64s:
    """Order the r judged rows: members first, and among them those with the largest score of the worst attack.

    Returns:
        int64 [r], places among the judged rows.
    """
    member = report.audit.member[report.audit.judged]
    return np.asarray(np.lexsort((-report.worst.scores, ~member)), dtype=np.int64)


def false_alarms(result: Result, member: Bools) -> Float64s:
    """Compute for each of r rows the share of non-members that an attack accuses if it finds the row.

    Args:
        result: of the attack.
        member: bool [r], the truth.

    Returns:
        float64 [r]: a member with a small share is exposed, for the attack is sure of it.
    """
    others = np.sort(result.scores[~member])
    return (len(others) - np.searchsorted(others, result.scores, side="left")) / len(others)


def strongest_of_each_attack(results: Sequence[Result]) -> list[Result]:
    """Choose for each attack the attacker for whom its AUC is largest; the strongest attack comes first."""
    codes = dict.fromkeys(result.attack.code for result in results)
    best = [strongest([result for result in results if result.attack.code == code]) for code in codes]
    return sorted(best, key=lambda result: -result.auc.value)
