"""The readings of the query plans in a report: what the best attack makes of each of them."""

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import Result, strongest


def best_of_each_reading(report: AttackReport) -> list[Result]:
    """Choose for each reading, and for each fusion, the attack with the largest AUC; the strongest comes first."""
    attackers = dict.fromkeys(result.attacker for result in report.results if result.attacker.plan)
    best = [strongest([result for result in report.results if result.attacker == one]) for one in attackers]
    return sorted(best, key=lambda result: -result.auc.value)


def best_of_each_plan(report: AttackReport) -> list[Result]:
    """Choose the strongest result of each query plan; the strongest comes first."""
    found: dict[str, Result] = {}
    for result in best_of_each_reading(report):
        found.setdefault(result.attacker.plan, result)
    return list(found.values())
