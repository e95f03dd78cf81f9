"""The page of a sweep: for each parameter a plot, as in the papers' figures 3 to 5, and the figures behind it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of
from dynanoise_export.reports.html.rendering import write_page
from dynanoise_export.reports.model_facts import Fact
from dynanoise_export.reports.sweep_terminal import LEGEND
from dynanoise_export.reports.terminal import defence_text
from dynanoise_export.tuning.sweeping import SweepPoint, SweepReport

TEMPLATE = "sweep.html.jinja"
# Distinct for the colour-blind (Okabe and Ito), and on white as on black.
ACCURACY = "#009e73"
ATTACKERS = ("#0072b2", "#e69f00", "#d55e00")
DASHES = ("dot", "dash", "solid")
FILTERS: dict[str, Callable[..., Any]] = {}


def write_sweep_html(report: SweepReport, path: Path) -> None:
    """Write a sweep as a page that needs no other file.

    Raises:
        FileAccessError: the file can't be written.
    """
    attackers = list(next(iter(report.sweeps.values()))[0].attackers)
    context: dict[str, Any] = {
        "report": report,
        "base": defence_text(report.base.defence, report.base.parameters),
        "attackers": attackers,
        "colours": {"accuracy": ACCURACY} | dict(zip(attackers, ATTACKERS, strict=False)),
        "sweeps": [(name, points, sweep_figure(name, points, report)) for name, points in report.sweeps.items()],
        "legend": LEGEND,
        "facts": list(_facts(report)),
    }
    write_page(TEMPLATE, context, FILTERS, path)


def sweep_figure(name: str, points: Sequence[SweepPoint], report: SweepReport) -> Figure:
    """Draw accuracy and the success of attacks against a parameter; thin lines are the undefended model's."""
    drawing = chart(360)
    values = [point.value for point in points]
    drawing.add_scatter(
        x=values, y=[point.price.accuracy for point in points], name="accuracy", mode="lines+markers",
        line={"color": ACCURACY, "width": 2}, hovertemplate="accuracy %{y:.3f} at %{x:g}",
    )  # fmt: skip
    drawing.add_hline(y=report.undefended.price.accuracy, line={"color": ACCURACY, "width": 1, "dash": "dot"})
    for attacker, colour, dash in zip(points[0].attackers, ATTACKERS, DASHES, strict=False):
        found = [point.attackers[attacker] for point in points]
        drawing.add_scatter(
            x=values, y=[one.success for one in found], name=attacker, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=f"{attacker}: success %{{y:.3f}} at %{{x:g}}",
        )  # fmt: skip
    drawing.add_hline(y=0.5, line={"color": GREY, "width": 1})
    wide = values[0] > 0 and values[-1] / values[0] >= 20
    drawing.update_xaxes(title=name, type="log" if wide else "linear")
    drawing.update_yaxes(title="accuracy, and success rate of attacks", tickformat=".2f")
    return figure_of(drawing)


def _facts(report: SweepReport) -> list[Fact]:
    digest = [] if report.sha256 is None else [Fact("SHA-256 of the model", report.sha256, code=True)]
    return [
        Fact("Model", str(report.model), code=True),
        *digest,
        Fact("Bundle", str(report.audit.path), code=True),
        Fact("SHA-256 of the bundle", report.audit.sha256, code=True),
    ]
