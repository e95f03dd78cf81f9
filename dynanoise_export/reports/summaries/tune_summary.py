"""The summary of a tuning."""

from collections.abc import Iterator

from dynanoise_export.intervals import proportion
from dynanoise_export.reports.model_facts import Fact
from dynanoise_export.reports.summaries.summary import Figure, Summary
from dynanoise_export.reports.tune_wording import WORDS, FinalRow, answer, conditions, final_rows, reason
from dynanoise_export.tuning.tune_report import TuneReport


def tune_summary(report: TuneReport) -> Summary:
    """Summarise which setting to use, and what it achieves on the held-out rows."""
    return Summary(
        command="tune",
        title="Tuning of the defence",
        path=str(report.model),
        sha256=report.sha256,
        name=report.model.name,
        verdict=WORDS[report.verdict].capitalize(),
        sentences=(answer(report), reason(report)),
        figures=tuple(_figures(report)),
        assumed=tuple(Fact("", f"{sentence}.") for sentence in conditions(report)),
        limits=(),
        facts=tuple(_facts(report)),
        properties=_properties(report),
    )


def _figures(report: TuneReport) -> Iterator[Figure]:
    goal = str(report.options.objective)
    for row in reversed(list(final_rows(report))):
        yield Figure(f"{row.name}:{goal}", f"{goal}, {row.name}", row.risk, row.attacker)
        yield _accuracy(row, report.judged.non_members)
    if report.gain is not None:
        yield Figure(f"gain:{goal}", f"{goal} that the recommended setting takes off", report.gain, "the same attacks")


def _accuracy(row: FinalRow, non_members: int) -> Figure:
    measured = proportion(round(row.accuracy * non_members), non_members)
    return Figure(f"{row.name}:accuracy", f"accuracy on non-members, {row.name}", measured, "the model")


def _facts(report: TuneReport) -> Iterator[Fact]:
    yield Fact("Model", report.model.name, code=True)
    if report.sha256 is not None:
        yield Fact("SHA-256", report.sha256, code=True)
    yield Fact("Bundle", report.audit.path.name, code=True)
    yield Fact("SHA-256 of the bundle", report.audit.sha256, code=True)


def _properties(report: TuneReport) -> dict[str, str]:
    options, chosen = report.options, report.recommended
    setting = None if chosen is None else chosen.setting
    parameters = {} if setting is None else setting.parameters
    return {
        "tune:verdict": WORDS[report.verdict],
        "tune:defence": report.defence,
        **{f"tune:parameter:{name}": f"{value:.9g}" for name, value in parameters.items()},
        "tune:keeps-label": "none" if setting is None else str(setting.keep_label).lower(),
        "tune:objective": str(options.objective),
        "tune:budget": str(options.budget),
        "tune:domain": options.domain.value,
        "tune:max-accuracy-drop": f"{options.max_accuracy_drop:g}",
        "tune:trials": str(len(report.trials)),
        "tune:shadow-models": str(report.shadows),
        "tune:bundle-sha256": report.audit.sha256,
        **({} if report.sha256 is None else {"sha256": report.sha256}),
    }
