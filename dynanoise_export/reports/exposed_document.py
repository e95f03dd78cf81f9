"""The rows that are most at risk, and what shadow models might add, in the JSON document of `attack`."""

from typing import TypedDict

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.exposed_rows import ExposedRows
from dynanoise_export.reports.documents import ends


class ExposedDocument(TypedDict):
    """What the strongest attack gets on the rows that are most at risk.

    Attributes:
        chosen: how these rows were found: canaries, or shadow-models.
        members: how many of them are members; `non_members`: how many are not.
        code: of the attack.
        attacker: its name.
        auc: on these rows.
        tpr_at_fpr: on these rows; None if they have too few non-members to measure it.
        epsilon_lower_bound: by the guesses about these rows, with 95% confidence.
    """

    chosen: str
    members: int
    non_members: int
    code: str
    attacker: str
    auc: float
    auc_ci: list[float]
    tpr_at_fpr: dict[str, float | None]
    epsilon_lower_bound: float


class EstimateDocument(TypedDict):
    """An estimate, and no bound, of the TPR of an attacker with shadow models; it supposes what `assumption` says."""

    fpr: float
    tpr: float
    tpr_ci: list[float]
    assumption: str


class RiskDocument(TypedDict):
    """What the average over all rows does not show.

    Attributes:
        exposed: the rows that are most at risk; None if nobody can tell which these are.
        estimates: without shadow models, what they might add.
    """

    exposed: ExposedDocument | None
    estimates: list[EstimateDocument]


def risk_document(report: AttackReport) -> RiskDocument:
    """Describe the rows that are most at risk, and what shadow models might add."""
    return {
        "exposed": None if report.exposed is None else _exposed(report.exposed),
        "estimates": [
            {"fpr": one.fpr, "tpr": one.tpr.value, "tpr_ci": ends(one.tpr), "assumption": one.assumption}
            for one in report.estimates
        ],
    }


def _exposed(exposed: ExposedRows) -> ExposedDocument:
    return {
        "chosen": exposed.chosen,
        "members": exposed.members,
        "non_members": exposed.non_members,
        "code": exposed.result.attack.code,
        "attacker": exposed.result.attacker.name,
        "auc": exposed.auc.value,
        "auc_ci": ends(exposed.auc),
        "tpr_at_fpr": {f"{fpr:g}": None if tpr is None else tpr.value for fpr, tpr in exposed.tpr.items()},
        "epsilon_lower_bound": exposed.epsilon,
    }
