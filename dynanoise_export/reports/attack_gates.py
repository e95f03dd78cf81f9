"""The gates, the parts of the rows and the rows at risk in the JSON document of `attack`."""

from typing import TypedDict

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.gates import JudgedGate
from dynanoise_export.attacks.part_results import PartResult, PartResults
from dynanoise_export.attacks.row_exposure import exposed_first, false_alarms
from dynanoise_export.reports.documents import ends

# How many of the most exposed members a report lists; `--rows` writes all rows.
MOST_EXPOSED = 10


class GateDocument(TypedDict):
    """A gate, and the attack whose interval reaches highest.

    Attributes:
        gate: in words.
        outcome: held, exceeded, or too-near.
        limit: on the upper end of the interval.
        fpr: of a gate on the TPR; None for one on the AUC.
        high: the upper end of the interval.
        distance: the limit less that; below 0 if it is exceeded.
        margin: how much `high` may differ in another run.
        code: of the attack.
        name: of the attack.
        attacker: who runs it.
    """

    gate: str
    outcome: str
    limit: float
    fpr: float | None
    high: float
    distance: float
    margin: float
    code: str
    name: str
    attacker: str


class AgainstDocument(TypedDict):
    """Against whom the gates are judged.

    Attributes:
        attacks: the number of attacks.
        attackers: the number of attackers.
        queries: the largest number of queries for a row that one of them sent.
        budget: the most that any could send.
        domain: the domain that they kept to.
        shadow_models: the number of shadow models.
        skipped: the codes of attacks that could not run.
    """

    attacks: int
    attackers: int
    queries: int
    budget: int
    domain: str
    shadow_models: int
    skipped: list[str]


class PartDocument(TypedDict):
    """The worst attack's figures for one class or group, and the model's accuracy there."""

    name: str
    members: int
    non_members: int
    auc: float
    auc_ci: list[float]
    tpr_at_fpr: dict[str, float | None]
    tpr_ci: dict[str, list[float] | None]
    balanced_accuracy: float
    accuracy: float
    accuracy_ci: list[float]


class PartsDocument(TypedDict):
    """All classes or groups; intervals of AUC and accuracy hold for all of them together (Bonferroni)."""

    parts: list[PartDocument]
    too_small: int


class ExposedDocument(TypedDict):
    """A member, by its row in the bundle, and the share of non-members that are accused if it is found."""

    row: int
    label: int
    group: str | None
    score: float
    false_alarms: float


class VerdictDocument(TypedDict):
    """What the document says about gates, parts of the rows, and single rows."""

    against: AgainstDocument
    gates: list[GateDocument]
    by_class: PartsDocument
    by_group: PartsDocument | None
    most_exposed: list[ExposedDocument]


def verdict_document(report: AttackReport) -> VerdictDocument:
    """Describe the gates, the parts of the rows, and the most exposed members."""
    return {
        "against": _against(report),
        "gates": [gate_document(judged) for judged in report.gates],
        "by_class": _parts(report.by_class),
        "by_group": None if report.by_group is None else _parts(report.by_group),
        "most_exposed": most_exposed(report),
    }


def gate_document(judged: JudgedGate) -> GateDocument:
    """Describe a judged gate."""
    result = judged.result
    return {
        "gate": str(judged.gate),
        "outcome": judged.outcome,
        "limit": judged.gate.limit,
        "fpr": judged.gate.fpr,
        "high": judged.high,
        "distance": judged.distance,
        "margin": judged.margin,
        "code": result.attack.code,
        "name": result.attack.name,
        "attacker": result.attacker.name,
    }


def most_exposed(report: AttackReport) -> list[ExposedDocument]:
    """List the members that the worst attack finds most surely."""
    audit = report.audit
    member, label, rows = audit.member[audit.judged], audit.y[audit.judged], audit.judged_numbers
    group = None if audit.group is None else audit.group[audit.judged]
    accused = false_alarms(report.worst, member)
    return [
        {
            "row": int(rows[place]),
            "label": int(label[place]),
            "group": None if group is None else str(group[place]),
            "score": float(report.worst.scores[place]),
            "false_alarms": float(accused[place]),
        }
        for place in exposed_first(report)[: min(MOST_EXPOSED, audit.members)]
    ]


def _against(report: AttackReport) -> AgainstDocument:
    attackers = {result.attacker for result in report.results}
    return {
        "attacks": len({result.attack.code for result in report.results}),
        "attackers": len(attackers),
        "queries": max(attacker.queries for attacker in attackers),
        "budget": report.budget,
        "domain": report.allowed,
        "shadow_models": 0 if report.store is None else len(report.store.kept),
        "skipped": [skipped.attack.code for skipped in report.skipped],
    }


def _parts(results: PartResults) -> PartsDocument:
    return {"parts": [_part(part) for part in results.parts], "too_small": results.too_small}


def _part(part: PartResult) -> PartDocument:
    return {
        "name": part.name,
        "members": part.members,
        "non_members": part.non_members,
        "auc": part.auc.value,
        "auc_ci": ends(part.auc),
        "tpr_at_fpr": {f"{fpr:g}": None if tpr is None else tpr.value for fpr, tpr in part.tpr.items()},
        "tpr_ci": {f"{fpr:g}": None if tpr is None else ends(tpr) for fpr, tpr in part.tpr.items()},
        "balanced_accuracy": part.balanced_accuracy,
        "accuracy": part.accuracy.value,
        "accuracy_ci": ends(part.accuracy),
    }
