"""The JSON document of `tune`."""

from typing import TypedDict

from dynanoise_export.reports.documents import Header, ends, header
from dynanoise_export.reports.tune_wording import TRAINING, FinalRow, answer, export_command, final_rows, reason
from dynanoise_export.tuning.search import Trial
from dynanoise_export.tuning.settings import Setting, Variant
from dynanoise_export.tuning.tune_report import TuneReport, Verdict


class SettingDocument(TypedDict):
    """A setting of the defence, and what it is exported with."""

    parameters: dict[str, float]
    keep_label: bool
    noise: str | None
    grids: list[float]
    guard: str | None


class TrialDocument(TypedDict):
    """A setting on the Pareto front, with its figures on the rows for tuning, on logits."""

    parameters: dict[str, float]
    keep_label: bool
    attack: str
    risk: float
    risk_ci: list[float]
    accuracy: float
    accuracy_lost: float
    negative_log_likelihood: float
    calibration_error: float


class FinalDocument(TypedDict):
    """What a setting achieves on the held-out rows.

    Attributes:
        setting: None for the undefended model.
        attacker: the strongest one, in words.
        risk: what it achieves, by the objective.
    """

    setting: SettingDocument | None
    attacker: str
    risk: float
    risk_ci: list[float]
    accuracy: float
    negative_log_likelihood: float
    calibration_error: float


class HeldOutDocument(TypedDict):
    """The number of held-out rows that were judged."""

    members: int
    non_members: int


class TuneDocument(Header):
    """The settings that were tried, and the one to use.

    Attributes:
        verdict: helps, buys-nothing or nothing-within-limit.
        answer: the verdict in words; `reason`: how the setting was chosen.
        command: exports the recommended setting; None without one.
        train_with: the training defence to try, in words; None if the head helps.
        objective: the AUC, or the TPR at an FPR.
        budget: the most queries for each row; `domain`: of these queries.
        max_accuracy_drop: how much accuracy a setting might lose.
        bundle_sha256: of the rows.
        held_out: the held-out rows that were judged.
        shadow_models: how many the attackers have.
        trials: how many settings were tried.
        front: the Pareto front.
        undefended: on the held-out rows; `default` and `recommended` likewise, the latter None if there is none.
        gain: by how much the recommended setting lowers the risk.
    """

    verdict: str
    answer: str
    reason: str
    command: str | None
    train_with: str | None
    objective: str
    budget: int
    domain: str
    max_accuracy_drop: float
    bundle_sha256: str
    held_out: HeldOutDocument
    shadow_models: int
    trials: int
    front: list[TrialDocument]
    undefended: FinalDocument
    default: FinalDocument
    recommended: FinalDocument | None
    gain: float | None
    gain_ci: list[float] | None


def tune_document(report: TuneReport) -> TuneDocument:
    """Describe a tuning."""
    options, chosen, gain = report.options, report.recommended, report.gain
    finals = {row.name: _final(row) for row in final_rows(report)}
    known = chosen is not None and chosen.setting is not None
    return {
        **header("tune", report.model, report.sha256, None, passed=None),
        "verdict": report.verdict,
        "answer": answer(report),
        "reason": reason(report),
        "command": export_command(report, chosen) if chosen is not None and known else None,
        "train_with": None if report.verdict is Verdict.HELPS else TRAINING,
        "objective": str(options.objective),
        "budget": options.budget,
        "domain": options.domain,
        "max_accuracy_drop": options.max_accuracy_drop,
        "bundle_sha256": report.audit.sha256,
        "held_out": {"members": report.judged.members, "non_members": report.judged.non_members},
        "shadow_models": report.shadows,
        "trials": len(report.trials),
        "front": [_trial(trial) for trial in report.front],
        "undefended": finals["undefended"],
        "default": finals["default"],
        "recommended": finals.get("recommended"),
        "gain": None if gain is None else gain.value,
        "gain_ci": None if gain is None else ends(gain),
    }


def _trial(trial: Trial) -> TrialDocument:
    figures = trial.figures
    return {
        "parameters": dict(trial.setting.parameters),
        "keep_label": trial.setting.keep_label,
        "attack": figures.attack,
        "risk": figures.risk.value,
        "risk_ci": ends(figures.risk),
        "accuracy": figures.accuracy,
        "accuracy_lost": figures.accuracy_lost,
        "negative_log_likelihood": figures.negative_log_likelihood,
        "calibration_error": figures.calibration_error,
    }


def _final(row: FinalRow) -> FinalDocument:
    return {
        "setting": None if row.final.setting is None else _setting(row.final.setting, row.final.variant),
        "attacker": row.attacker,
        "risk": row.risk.value,
        "risk_ci": ends(row.risk),
        "accuracy": row.accuracy,
        "negative_log_likelihood": row.negative_log_likelihood,
        "calibration_error": row.calibration_error,
    }


def _setting(setting: Setting, variant: Variant) -> SettingDocument:
    return {
        "parameters": dict(setting.parameters),
        "keep_label": setting.keep_label,
        "noise": variant.noise,
        "grids": list(variant.grids),
        "guard": None if variant.guard is None else variant.guard.kind.value,
    }
