"""The page of a benchmark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import PERCENTILES, Run
from dynanoise_export.reports import bench_wording as wording
from dynanoise_export.reports.html.decision import Decision, Tone
from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of
from dynanoise_export.reports.html.rendering import write_page
from dynanoise_export.reports.html.wording import capital
from dynanoise_export.reports.model_facts import model_facts

TEMPLATE = "bench.html.jinja"
FILTERS: dict[str, Callable[..., Any]] = {
    "capital": capital,
    "interval": wording.interval,
    "milliseconds": wording.milliseconds,
    "latencies": wording.latencies,
}

# Distinct for the colour-blind (Okabe and Ito), and on white as on black.
COLOURS = {"plain": "#0072b2", "defended": "#d55e00"}

# In milliseconds: what is easy to read on a logarithmic axis.
TICKS = [round(digit * 10.0**power, 6) for power in range(-4, 7) for digit in (1, 2, 5)]


@dataclass(frozen=True)
class Group:
    """What the page shows for a provider.

    Attributes:
        name: of the provider.
        runs: on it.
        latency: a plot.
        ratio: a plot; None if there is nothing to compare with.
    """

    name: str
    runs: Sequence[Run]
    latency: Figure
    ratio: Figure | None


def write_bench_html(report: BenchReport, path: Path) -> None:
    """Write a benchmark as a page that needs no other file.

    Raises:
        FileAccessError: the file can't be written.
    """
    context: dict[str, Any] = {
        "report": report,
        "model": report.model,
        "decision": decision(report),
        "facts": model_facts(report.model, report.model.defence, report.model.name),
        "groups": [_group(name, runs) for name, runs in wording.groups(report)],
        "colours": COLOURS,
        "percentiles": PERCENTILES,
        "conditions": wording.conditions(report),
    }
    write_page(TEMPLATE, context, FILTERS, path)


def decision(report: BenchReport) -> Decision:
    """Say first how much longer a call takes; a benchmark gives no verdict."""
    answers = [f"{name}: {wording.answer(runs)}" for name, runs in wording.groups(report)]
    ratios = [run.ratio.value for run in report.runs if run.ratio]
    headline = f"Up to {max(ratios):.2f} times as long with the defence" if ratios else "No comparison"
    return Decision(Tone.NONE, headline, notes=tuple(f"{one}." for one in answers))


def _group(name: str, runs: list[Run]) -> Group:
    compared = [run for run in runs if run.ratio]
    ratio = ratio_figure(compared) if compared else None
    return Group(name, runs, latency_figure(runs), ratio)


def latency_figure(runs: Sequence[Run]) -> Figure:
    """Draw the mean time of a call of each model, by batch; both axes are logarithmic."""
    drawing = chart(320)
    for name, colour in COLOURS.items():
        own = [(run.batch, latency) for run in runs for model, latency in wording.latencies(run) if model == name]
        drawing.add_scatter(
            x=[str(batch) for batch, _ in own],
            y=[1e3 * batch / latency.throughput for batch, latency in own],
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": "solid" if name == "plain" else "dot"},
            marker={"size": 8},
            hovertemplate="%{y:.4g} ms, " + name,
        )
    drawing.update_yaxes(type="log", title="ms", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    return _by_batch(drawing)


def ratio_figure(runs: Sequence[Run]) -> Figure:
    """Draw the ratio with its interval, by batch."""
    drawing = chart(320)
    ratios = [run.ratio for run in runs if run.ratio]
    drawing.add_hline(y=1, line={"color": GREY, "width": 1})
    drawing.add_scatter(
        x=[str(run.batch) for run in runs],
        y=[ratio.value for ratio in ratios],
        error_y={
            "array": [ratio.high - ratio.value for ratio in ratios],
            "arrayminus": [ratio.value - ratio.low for ratio in ratios],
            "color": COLOURS["defended"],
        },
        mode="markers",
        marker={"size": 9, "color": COLOURS["defended"]},
        hovertemplate="%{y:.4f}",
    )
    drawing.update_yaxes(title="ratio")
    return _by_batch(drawing)


def _by_batch(drawing: go.Figure) -> Figure:
    """Put the batch sizes at equal distances."""
    drawing.update_xaxes(type="category", title="batch")
    return figure_of(drawing)
