"""The JSON document of `attack`."""

from dataclasses import asdict
from typing import TypedDict, cast

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.methods.attack import SkippedAttack
from dynanoise_export.attacks.results import Result
from dynanoise_export.attacks.tradeoff import Tradeoff, attack_midput
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_gates import GateDocument, VerdictDocument, gate_document, verdict_document
from dynanoise_export.reports.attack_wording import domain_of
from dynanoise_export.reports.budget_document import (
    EffortDocument,
    StrongestDocument,
    effort_document,
    strongest_document,
)
from dynanoise_export.reports.documents import CachedDocument, Header, ends, header
from dynanoise_export.reports.execution_wording import ExecutionDocument, execution_known
from dynanoise_export.reports.exposed_document import RiskDocument, risk_document
from dynanoise_export.reports.utility_document import UtilityDocument, utility_document


class DataDocument(TypedDict):
    """The bundle, with the number of its rows of each kind."""

    path: str
    sha256: str
    members: int
    non_members: int
    auxiliary: int


class ShadowsDocument(TypedDict):
    """The store of shadow models, with their number; `asked`: how many of them answered chosen queries."""

    path: str
    count: int
    asked: int


class WorstDocument(StrongestDocument):
    """The attack with the largest AUC; an attack on chosen queries is compared with the strongest one without them."""

    auc_without: float | None


class ResultDocument(TypedDict):
    """What one attack by one attacker achieved; a TPR is None if there are too few non-members to measure it.

    Attributes:
        queries: for each row.
        domain: the narrowest domain that holds all queries.
        labels_only: whether the attack looks at the labels of answers alone.
        plan: the code of the query plan; None for the rows themselves.
        parts: the readings that a fusion is made of.
    """

    code: str
    name: str
    attacker: str
    defended: bool
    adaptive: bool
    queries: int
    domain: str
    labels_only: bool
    plan: str | None
    parts: list[str]
    auc: float
    auc_ci: list[float]
    auc_gained: float | None
    auc_gained_ci: list[float] | None
    balanced_accuracy: float
    balanced_accuracy_ci: list[float]
    best_balanced_accuracy: float
    asr: float
    asr_ci: list[float]
    threshold: str
    tpr_at_fpr: dict[str, float | None]
    tpr_ci: dict[str, list[float] | None]
    epsilon_lower_bound: float
    midput: float | None


class SkippedDocument(TypedDict):
    """An attack that could not run, and what it needs."""

    code: str
    name: str
    requirement: str
    needed: int
    given: int


class MidputDocument(TypedDict):
    """MIDPUT of one attacker; None if an attack that it averages over was skipped."""

    attacker: str
    first_version: float | None
    second_version: float | None
    second_version_from_half: float | None


class WarningDocument(TypedDict):
    """A warning; programs look at the code."""

    code: str
    text: str


class AttackDocument(Header, EffortDocument, RiskDocument, VerdictDocument):
    """What attacks achieved; `passed` says whether all gates hold, and is None without a gate.

    Attributes:
        data: the bundle.
        reference: the path of the undefended model, or None.
        shadows: the shadow models, or None.
        execution: how ONNX Runtime ran the model and the shadow models; None if the model ran elsewhere.
        noise: the noise source, or None.
        keep_label: whether answers keep the undefended model's label.
        queries_per_row: how many queries were sent for each row, in all.
        utility: how good the answers are.
        worst: the attack with the largest AUC.
        attacks: on the model; `without`: on the undefended model.
        skipped: attacks that could not run.
        midput: by attacker.
        cached_answers: those that were taken from an earlier run, or None.
        warnings: what makes the figures unsound, or the defence weak.
        gates_held: the gates that hold; `gates_exceeded`: those that are exceeded or too near to call.
    """

    data: DataDocument
    reference: str | None
    shadows: ShadowsDocument | None
    execution: ExecutionDocument | None
    noise: str | None
    keep_label: bool
    queries_per_row: int
    utility: UtilityDocument
    worst: WorstDocument
    attacks: list[ResultDocument]
    without: list[ResultDocument]
    skipped: list[SkippedDocument]
    midput: list[MidputDocument]
    cached_answers: CachedDocument | None
    warnings: list[WarningDocument]
    gates_held: list[str]
    gates_exceeded: list[GateDocument]


def attack_document(report: AttackReport) -> AttackDocument:
    """Describe what attacks achieved."""
    model, defence = report.model, report.defence
    return {
        **header("attack", model.name, model.sha256, defence, content=model.content_sha256, passed=report.passed),
        "data": _data(report),
        "reference": report.reference,
        "shadows": _shadows(report),
        "execution": execution_known(model.execution),
        "noise": None if defence is None else model.noise,
        "keep_label": defence is not None and defence.keep_label,
        "queries_per_row": report.queries_per_row,
        **effort_document(report),
        "utility": utility_document(report),
        "worst": _worst(report),
        **risk_document(report),
        "attacks": [_result(result, report) for result in report.results],
        "without": [_result(result, report) for result in report.without],
        "skipped": [_skipped(skipped) for skipped in report.skipped],
        "midput": [_tradeoff(tradeoff) for tradeoff in report.tradeoffs],
        "cached_answers": None if report.cached is None else cast(CachedDocument, asdict(report.cached)),
        "warnings": [{"code": warning.code, "text": warning.text} for warning in report.warnings],
        "gates_held": [str(gate) for gate in report.gates_held],
        "gates_exceeded": [gate_document(failed) for failed in report.gates_exceeded],
        **verdict_document(report),
    }


def _shadows(report: AttackReport) -> ShadowsDocument | None:
    store = report.store
    return None if store is None else {"path": str(store.path), "count": len(store.kept), "asked": report.asked}


def _data(report: AttackReport) -> DataDocument:
    audit = report.audit
    return {
        "path": str(audit.path),
        "sha256": audit.sha256,
        "members": audit.members,
        "non_members": audit.non_members,
        "auxiliary": len(audit) - audit.members - audit.non_members,
    }


def _worst(report: AttackReport) -> WorstDocument:
    worst = report.worst
    plain = report.without_defence(worst)
    return {**strongest_document(worst, report), "auc_without": None if plain is None else plain.auc.value}


def _result(result: Result, report: AttackReport) -> ResultDocument:
    verdicts, attacker = result.verdicts, result.attacker
    return {
        "code": result.attack.code,
        "name": result.attack.name,
        "attacker": attacker.name,
        "defended": attacker.defended,
        "adaptive": attacker.adaptive,
        "queries": attacker.queries,
        "domain": domain_of(result, report),
        "labels_only": result.labels_only,
        "plan": attacker.plan or None,
        "parts": list(attacker.parts),
        "auc": result.auc.value,
        "auc_ci": ends(result.auc),
        "auc_gained": None if result.auc_gained is None else result.auc_gained.value,
        "auc_gained_ci": _ends_if_known(result.auc_gained),
        "balanced_accuracy": verdicts.balanced_accuracy.value,
        "balanced_accuracy_ci": ends(verdicts.balanced_accuracy),
        "best_balanced_accuracy": result.best_balanced_accuracy,
        "asr": verdicts.asr.value,
        "asr_ci": ends(verdicts.asr),
        "threshold": result.threshold,
        "tpr_at_fpr": {f"{fpr:g}": None if tpr is None else tpr.value for fpr, tpr in result.tpr.items()},
        "tpr_ci": {f"{fpr:g}": _ends_if_known(tpr) for fpr, tpr in result.tpr.items()},
        "epsilon_lower_bound": result.epsilon,
        "midput": _midput(result, report),
    }


def _midput(result: Result, report: AttackReport) -> float | None:
    plain = report.without_defence(result)
    if plain is None or report.cost is None or not result.attacker.defended:
        return None
    return attack_midput(plain, result, report.cost.accuracy_lost.value)


def _skipped(skipped: SkippedAttack) -> SkippedDocument:
    return {
        "code": skipped.attack.code,
        "name": skipped.attack.name,
        "requirement": skipped.requirement,
        "needed": skipped.needed,
        "given": skipped.given,
    }


def _tradeoff(tradeoff: Tradeoff) -> MidputDocument:
    return {
        "attacker": tradeoff.attacker.name,
        "first_version": tradeoff.first,
        "second_version": tradeoff.second,
        "second_version_from_half": tradeoff.from_half,
    }


def _ends_if_known(interval: Interval | None) -> list[float] | None:
    return None if interval is None else ends(interval)
