"""The sentences and rows about a tuning: for the terminal, the JSON document and the page."""

from collections.abc import Iterator
from dataclasses import dataclass

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_wording import who
from dynanoise_export.reports.terminal import parameters_text, pasted
from dynanoise_export.tuning.settings import Setting, Variant
from dynanoise_export.tuning.tune_report import Final, TuneReport, Verdict

OUTPUT = "defended.onnx"
TRAINING = (
    "Train with a defence in place of a head: selena first, early-stopping if its sub-models cost too much "
    "(dynanoise-models train --defence selena); docs/choose.md has the figures."
)
WORDS = {
    Verdict.HELPS: "helps",
    Verdict.BUYS_NOTHING: "buys nothing",
    Verdict.NOTHING_WITHIN_LIMIT: "nothing within the limit",
}


def setting_text(setting: Setting | None, variant: Variant) -> str:
    """Write a setting in a few words."""
    if setting is None:
        return "undefended"
    parts = [parameters_text(setting.parameters)] if setting.parameters else []
    parts += [] if variant.noise is None else [f"{variant.noise} noise"]
    parts += [f"grids {', '.join(f'{grid:g}' for grid in variant.grids)}"] if variant.grids else []
    parts += ["labels kept"] if setting.keep_label else []
    parts += [] if variant.guard is None else [f"guard {variant.guard.kind}"]
    return f"{setting.defence} ({', '.join(parts)})" if parts else setting.defence


def export_command(report: TuneReport, chosen: Final) -> str:
    """Write the command that exports the recommended setting."""
    setting, variant = chosen.setting, chosen.variant
    if setting is None:
        raise ValueError("the undefended model is not recommended")
    arguments: list[object] = ["dynanoise-export", report.model if report.sha256 else "MODEL"]
    arguments += ["--defence", setting.defence]
    for name, value in setting.parameters.items():
        arguments += ["--parameter", f"{name}={value:g}"]
    arguments += [] if variant.noise is None else ["--noise", variant.noise]
    for grid in variant.grids:
        arguments += ["--grid", f"{grid:g}"]
    arguments += ["--keep-label"] if setting.keep_label else []
    arguments += ["--defence-data", report.audit.path] if report.fitted else []
    arguments += variant.guard_options
    return pasted(*arguments, "-o", OUTPUT)


def answer(report: TuneReport) -> str:
    """Say in a sentence or two what to do, and why."""
    goal, gain, chosen = report.options.objective, report.gain, report.recommended
    if gain is None or chosen is None:
        return (
            f"No setting of {report.defence} that was tried loses at most "
            f"{100 * report.options.max_accuracy_drop:g} points of accuracy: keep the labels, allow more, or train "
            f"with a defence. {TRAINING}"
        )
    name = f"the strongest attacker's {goal}"
    fell = f"{name} {_moved(report.undefended.risk, chosen.risk)}, by {gain}"
    if report.verdict is Verdict.BUYS_NOTHING:
        return f"{report.defence} buys nothing for this model: {fell}, with its best setting. {TRAINING}"
    return f"Use {setting_text(chosen.setting, chosen.variant)}: {fell}."


def reason(report: TuneReport) -> str:
    """Say how the recommended setting was chosen."""
    judged = "by all attacks on the files" if any(one.report for one in report.candidates) else "by the cheap attacks"
    finalists = "one was a finalist" if len(report.candidates) == 1 else f"{len(report.candidates)} were finalists"
    return (
        f"Of {len(report.trials)} settings, {len(report.front)} are on the Pareto front, and {finalists}. The one to "
        f"use has the smallest negative log-likelihood of those within one standard error of the smallest "
        f"{report.options.objective}, {judged}, on the rows for tuning."
    )


def conditions(report: TuneReport) -> Iterator[str]:
    """Say what was assumed: the attacker, the rows, the limits."""
    options = report.options
    shadows = f"{report.shadows} shadow models" if report.shadows else "no shadow models, which makes them weak"
    anywhere = "any inputs" if options.domain is Domain.ANY else f"inputs in the domain {options.domain}"
    yield f"attackers know the defence, have {shadows}, and send at most {options.budget} queries a row, {anywhere}"
    yield (
        f"the figures are those of {report.judged.members:,} members and {report.judged.non_members:,} non-members "
        "that no setting was chosen on"
    )
    yield f"a setting might lose at most {100 * options.max_accuracy_drop:g} points of accuracy"
    if report.sha256 is None:
        yield "without a model only cheap attacks on its logits ran: chosen queries may get more"


@dataclass(frozen=True)
class FinalRow:
    """One of the three models on the held-out rows.

    Attributes:
        name: undefended, default or recommended.
        final: what it is.
        setting: in words.
        attacker: the strongest one, in words.
        risk: what it achieves.
        accuracy: of one answer, on non-members; the following likewise.
        negative_log_likelihood: in nats.
        calibration_error: the distance between confidence and accuracy.
    """

    name: str
    final: Final
    setting: str
    attacker: str
    risk: Interval
    accuracy: float
    negative_log_likelihood: float
    calibration_error: float


def final_rows(report: TuneReport) -> Iterator[FinalRow]:
    """List the undefended model, the default setting and the recommended one."""
    named = (("undefended", report.undefended), ("default", report.default), ("recommended", report.recommended))
    for name, final in named:
        if final is not None:
            yield _row(name, final)


def _row(name: str, final: Final) -> FinalRow:
    strongest = final.strongest
    attacker = final.figures.attack if strongest is None else who(strongest, final.setting is not None)
    if final.report is None:
        found = final.figures
        useful = (found.accuracy, found.negative_log_likelihood, found.calibration_error)
    else:
        asked = final.report.utility
        useful = (asked.accuracy.value, asked.negative_log_likelihood.value, asked.calibration_error)
    return FinalRow(
        name,
        final,
        setting_text(final.setting, final.variant),
        attacker,
        final.risk,
        *useful,
    )


def _moved(before: Interval, after: Interval) -> str:
    went = "falls" if after.value < before.value else "goes"
    return f"{went} from {before.value:.3f} to {after.value:.3f} on held-out rows"
