"""The figures of a case, read from the JSON document of its attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison.cases import Comparison, Head, Training
from dynanoise_export.attacks.audit_warnings import WarningCode
from dynanoise_export.attacks.metrics.midput import midput
from dynanoise_export.attacks.tradeoff import FIRST_VERSION, SECOND_VERSION


@dataclass(frozen=True)
class Attacked:
    """An attack: an AUC with its interval, and the TPR at low FPRs, None where they can't be measured.

    Attributes:
        name: the attack, with its attacker.
        auc: the area under the ROC curve.
        low: the lower end of its 95% interval.
        high: the upper end.
        tpr: at an FPR of 1% and of 0.1%.
    """

    name: str
    auc: float
    low: float
    high: float
    tpr: tuple[float | None, float | None]


@dataclass(frozen=True)
class Figures:
    """What a case gives honest clients, and what it gives attackers.

    Attributes:
        training: how the target was trained.
        head: the defence at inference time.
        utility: the document's figures of usefulness.
        naive: the strongest of those who take one answer as it is.
        adaptive: the strongest of those who know the defence and send the rows themselves.
        inside: the strongest of those who choose their queries inside the domain of the rows.
        anywhere: the strongest of all.
        labels: the strongest of those who look at labels alone.
        midput: the papers' figure, by both versions; None if an attack was skipped.
        shadows_differ: whether the attack warned that the shadow models are unlike the target.
    """

    training: Training
    head: Head
    utility: Mapping[str, Any]
    naive: Attacked
    adaptive: Attacked
    inside: Attacked
    anywhere: Attacked
    labels: Attacked
    midput: tuple[float | None, float | None]
    shadows_differ: bool


def figures_of(
    comparison: Comparison, training: str, head: Head, report: Mapping[str, Any], undefended: Mapping[str, Any]
) -> Figures:
    """Read the figures of a case.

    Args:
        comparison: of the target.
        training: the name of the case's training.
        head: of the case.
        report: the document of its attack.
        undefended: that of the target that was trained without a defence, with whose own answers MIDPUT compares.
    """
    rows = [one for one in report["attacks"] if one["plan"] is None]
    last = report["budgets"][-1]
    return Figures(
        comparison.trainings[training],
        head,
        report["utility"],
        _strongest([one for one in rows if not one["adaptive"]]),
        _strongest([one for one in rows if one["adaptive"]]),
        *(_attacked(last[kind]) for kind in ("inside", "strongest", "labels_only")),
        midput=(
            _midput(FIRST_VERSION, "asr", report, undefended),
            _midput(SECOND_VERSION, "balanced_accuracy", report, undefended),
        ),
        shadows_differ=any(one["code"] == WarningCode.SHADOW_MODELS_DIFFER for one in report["warnings"]),
    )


def _midput(codes: Sequence[str], of: str, report: Mapping[str, Any], undefended: Mapping[str, Any]) -> float | None:
    """Compute MIDPUT of the papers' attacker, who takes one answer as it is."""
    without = {one["code"]: one[of] for one in undefended["without"]}
    naive = {one["code"]: one[of] for one in report["attacks"] if one["plan"] is None and not one["adaptive"]}
    if not all(code in without and code in naive for code in codes):
        return None
    lost = undefended["utility"]["accuracy_plain"] - report["utility"]["accuracy_defended"]
    return midput([without[code] for code in codes], [naive[code] for code in codes], lost)


def _strongest(results: Sequence[Mapping[str, Any]]) -> Attacked:
    return _attacked(max(results, key=lambda one: one["auc"]))


def _attacked(document: Mapping[str, Any]) -> Attacked:
    low, high = document["auc_ci"]
    rates = document["tpr_at_fpr"]
    fused = document["attacker"].startswith("fusion")
    name = document["attacker"] if fused else f"{document['name']} ({document['attacker']})"
    return Attacked(name, document["auc"], low, high, (rates["0.01"], rates["0.001"]))
