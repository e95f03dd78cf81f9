"""The page of a tuning."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dynanoise_export.intervals import Interval, proportion
from dynanoise_export.reports.html.decision import Decision, Tone
from dynanoise_export.reports.html.plane import BLUE, RED, Spot, plane_figure
from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of
from dynanoise_export.reports.html.rendering import write_page
from dynanoise_export.reports.html.wording import capital
from dynanoise_export.reports.model_facts import Fact
from dynanoise_export.reports.terminal import parameters_text
from dynanoise_export.reports.tune_wording import (
    FinalRow,
    answer,
    conditions,
    export_command,
    final_rows,
    reason,
)
from dynanoise_export.tuning.search import Trial
from dynanoise_export.tuning.tune_report import TuneReport, Verdict

TEMPLATE = "tune.html.jinja"
HEADLINES = {
    Verdict.HELPS: (Tone.PASSED, "Use this setting"),
    Verdict.BUYS_NOTHING: (Tone.NONE, "The head buys nothing for this model"),
    Verdict.NOTHING_WITHIN_LIMIT: (Tone.FAILED, "No setting stays within the limit"),
}
MARKS = {"undefended": (GREY, "square"), "default": (BLUE, "diamond"), "recommended": (RED, "circle")}
TICKS = [digit * 10.0**power for power in range(-3, 3) for digit in (1, 2, 5)]
# How many settings of the front the table lists.
LISTED = 20


def write_tune_html(report: TuneReport, path: Path) -> None:
    """Write a tuning as a page that needs no other file.

    Raises:
        FileAccessError: the file can't be written.
    """
    rows = list(final_rows(report))
    context: dict[str, Any] = {
        "report": report,
        "objective": str(report.options.objective),
        "decision": decision(report),
        "command": None if report.recommended is None else export_command(report, report.recommended),
        "rows": rows,
        "plane": plane_figure([_spot(row, report) for row in rows], str(report.options.objective)),
        "front": _spread(report.front),
        "pareto": front_figure(report),
        "marks": {row.name: MARKS[row.name][0] for row in rows},
        "searched": {"labels kept": RED, "labels not kept": BLUE, "not on the front": GREY},
        "conditions": list(conditions(report)),
        "facts": list(_facts(report)),
    }
    write_page(TEMPLATE, context, FILTERS, path)


def decision(report: TuneReport) -> Decision:
    """Say what to do."""
    tone, headline = HEADLINES[report.verdict]
    return Decision(tone, headline, notes=(answer(report), reason(report)))


def front_figure(report: TuneReport) -> Figure:
    """Draw the risk of all settings on logits against their negative log-likelihood, and the Pareto front."""
    drawing = chart(380)
    others = [trial for trial in report.trials if not trial.best]
    best = {kept: [one for one in report.front if one.setting.keep_label is kept] for kept in (False, True)}
    for trials, colour, symbol, name in (
        (others, GREY, "circle", "not on the front"),
        (best[False], BLUE, "diamond", "front, labels not kept"),
        (best[True], RED, "circle", "front, labels kept"),
    ):
        drawing.add_scatter(
            x=[trial.figures.negative_log_likelihood for trial in trials],
            y=[trial.figures.risk.value for trial in trials],
            text=[parameters_text(trial.setting.parameters) for trial in trials],
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 6 if trials is others else 9},
            opacity=0.5 if trials is others else 1,
            hovertemplate="%{text}<br>%{y:.3f} at an NLL of %{x:.3f}",
        )
    drawing.add_hline(y=report.undefended_in_search.risk.value, line={"color": GREY, "dash": "dash", "width": 1})
    drawing.update_xaxes(
        title="negative log-likelihood, nats", type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS]
    )
    drawing.update_yaxes(title=f"{report.options.objective}, cheap attacks", tickformat=".2f")
    return figure_of(drawing)


def _spread(front: Sequence[Trial]) -> list[Trial]:
    """Choose settings of the front at equal distances."""
    step = max(1, -(-len(front) // LISTED))
    return list(front[::step])


def _spot(row: FinalRow, report: TuneReport) -> Spot:
    colour, symbol = MARKS[row.name]
    count = report.judged.non_members
    accuracy = proportion(round(row.accuracy * count), count)
    return Spot(f"{row.name}: {row.setting}", accuracy, row.risk, colour, symbol)


def _facts(report: TuneReport) -> Iterator[Fact]:
    yield Fact("Model", str(report.model), code=True)
    if report.sha256 is not None:
        yield Fact("SHA-256 of the model", report.sha256, code=True)
    yield Fact("Bundle", str(report.audit.path), code=True)
    yield Fact("SHA-256 of the bundle", report.audit.sha256, code=True)


def _ends(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"


FILTERS: dict[str, Callable[..., Any]] = {
    "capital": capital,
    "ends": _ends,
    "parameters": parameters_text,
}
