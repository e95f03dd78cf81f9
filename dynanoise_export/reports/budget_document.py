"""What more queries buy, in the JSON document of `attack`."""

from typing import TypedDict

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import Result
from dynanoise_export.reports.attack_wording import domain_of
from dynanoise_export.reports.documents import ends


class StrongestDocument(TypedDict):
    """The strongest attack of a kind; a TPR is None if there are too few non-members to measure it."""

    code: str
    name: str
    attacker: str
    queries: int
    domain: str
    auc: float
    auc_ci: list[float]
    tpr_at_fpr: dict[str, float | None]


class BudgetDocument(TypedDict):
    """The strongest attacks within a budget.

    Attributes:
        budget: the most queries for each row.
        strongest: of all.
        inside: of those whose queries stay inside the domain of the rows.
        labels_only: of those that look at labels alone.
    """

    budget: int
    strongest: StrongestDocument
    inside: StrongestDocument
    labels_only: StrongestDocument


class EffortDocument(TypedDict):
    """What attackers may send, and what that buys.

    Attributes:
        budget: the most queries for each row of any attacker.
        domain: the narrowest domain of the rows.
        allowed_domain: the domain that the attackers kept to.
        budgets: the strongest attacks for each budget, rising.
        label_floor: the strongest attack on labels alone: a defence that keeps the labels can't hide this.
    """

    budget: int
    domain: str
    allowed_domain: str
    budgets: list[BudgetDocument]
    label_floor: StrongestDocument


def effort_document(report: AttackReport) -> EffortDocument:
    """Describe what attackers may send, and the strongest attacks for each budget."""
    return {
        "budget": report.budget,
        "domain": report.domain,
        "allowed_domain": report.allowed,
        "budgets": [
            {
                "budget": point.budget,
                "strongest": strongest_document(point.strongest, report),
                "inside": strongest_document(point.inside, report),
                "labels_only": strongest_document(point.labels, report),
            }
            for point in report.curve
        ],
        "label_floor": strongest_document(report.label_floor, report),
    }


def strongest_document(result: Result, report: AttackReport) -> StrongestDocument:
    """Describe an attack that is the strongest of its kind."""
    return {
        "code": result.attack.code,
        "name": result.attack.name,
        "attacker": result.attacker.name,
        "queries": result.attacker.queries,
        "domain": domain_of(result, report),
        "auc": result.auc.value,
        "auc_ci": ends(result.auc),
        "tpr_at_fpr": {f"{fpr:g}": None if tpr is None else tpr.value for fpr, tpr in result.tpr.items()},
    }
