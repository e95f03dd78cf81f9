"""An attack report as a JSON document."""

import dataclasses

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.attacking_model import AttackReport
from dynanoise_export.attacks.gates import Exceeded
from dynanoise_export.attacks.results import Result
from dynanoise_export.attacks.tradeoff import Tradeoff, of_attack
from dynanoise_export.attacks.utility import Utility
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.documents import Document, header


def attack_document(report: AttackReport) -> Document:
    """Tell what attacks got; `passed` says whether they stayed within the gates."""
    attacked, audit, worst = report.attacked, report.audit, report.worst
    parameters = attacked.head.parameters_dict() if attacked.head else None
    return header("attack", attacked.name, attacked.sha256, parameters, passed=not report.exceeded) | {
        "data": {
            "path": str(audit.path),
            "sha256": audit.sha256,
            "members": audit.members,
            "non_members": audit.non_members,
            "auxiliary": len(audit) - audit.members - audit.non_members,
        },
        "reference": report.reference,
        "shadows": None if report.store is None else {"path": str(report.store.path), "count": len(report.store.kept)},
        "noise": attacked.noise,
        "keep_label": attacked.head is not None and attacked.head.keep_label,
        "queries_a_row": report.asked,
        "utility": _utility(report),
        "worst": {
            "name": worst.attack.name,
            "attacker": worst.attacker.name,
            "auc": worst.auc.value,
            "auc_ci": _ends(worst.auc),
            "auc_without": None if (plain := report.plain_of(worst)) is None else plain.auc.value,
        },
        "attacks": [_result(result, report) for result in report.results],
        "without": [_result(result, report) for result in report.without],
        "not_made": report.lacking,
        "midput": [_tradeoff(tradeoff) for tradeoff in report.tradeoffs],
        "warnings": list(report.warnings),
        "kept": [str(gate) for gate in report.kept],
        "exceeded": [_exceeded(exceeded) for exceeded in report.exceeded],
    }


def _utility(report: AttackReport) -> Document:
    told = _worth("defended", report.utility)
    if report.plain_utility is not None and report.cost is not None:
        told |= _worth("plain", report.plain_utility) | {
            "accuracy_lost": report.cost.accuracy_lost.value,
            "accuracy_lost_ci": _ends(report.cost.accuracy_lost),
            "label_flips": report.cost.flips,
        }
    return told


def _worth(of: str, utility: Utility) -> Document:
    return {
        f"accuracy_{of}": utility.accuracy.value,
        f"accuracy_{of}_ci": _ends(utility.accuracy),
        f"accuracy_on_members_{of}": utility.accuracy_on_members.value,
        f"calibration_error_{of}": utility.calibration_error,
    }


def _result(result: Result, report: AttackReport) -> Document:
    verdicts, plain = result.verdicts, report.plain_of(result)
    midput = None
    if plain is not None and report.cost is not None and result.attacker.defended:
        midput = of_attack(plain, result, report.cost.accuracy_lost.value)
    return {
        "name": result.attack.name,
        **_attacker(result.attacker),
        "auc": result.auc.value,
        "auc_ci": _ends(result.auc),
        "auc_gained": None if result.gained is None else result.gained.value,
        "auc_gained_ci": None if result.gained is None else _ends(result.gained),
        "balanced_accuracy": verdicts.balanced_accuracy.value,
        "balanced_accuracy_ci": _ends(verdicts.balanced_accuracy),
        "best_balanced_accuracy": result.best_balanced_accuracy,
        "asr": verdicts.asr.value,
        "asr_ci": _ends(verdicts.asr),
        "threshold": result.threshold,
        "tpr_at_fpr": {f"{fpr:g}": None if tpr is None else tpr.value for fpr, tpr in result.tpr.items()},
        "tpr_ci": {f"{fpr:g}": None if tpr is None else _ends(tpr) for fpr, tpr in result.tpr.items()},
        "epsilon_lower_bound": result.epsilon,
        "midput": midput,
    }


def _attacker(attacker: Attacker) -> Document:
    told = dataclasses.asdict(attacker)
    return {"attacker": told.pop("name")} | told


def _tradeoff(tradeoff: Tradeoff) -> Document:
    return {
        "attacker": tradeoff.attacker.name,
        "first_version": tradeoff.first,
        "second_version": tradeoff.second,
        "second_version_from_half": tradeoff.from_half,
    }


def _exceeded(exceeded: Exceeded) -> Document:
    result = exceeded.result
    return {
        "gate": str(exceeded.gate),
        "limit": exceeded.gate.limit,
        "fpr": exceeded.gate.fpr,
        "high": exceeded.high,
        "name": result.attack.name,
        "attacker": result.attacker.name,
    }


def _ends(interval: Interval) -> list[float]:
    return [interval.low, interval.high]
