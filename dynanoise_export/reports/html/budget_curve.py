"""What more queries buy: the AUC of the strongest attackers against the budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import Result, strongest
from dynanoise_export.reports.attack_grid import model_names
from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of

# Distinct for the colour-blind, and on white as on black.
RED, BLUE, GREEN = "#de6518", "#0f83c4", "#009e73"


@dataclass(frozen=True)
class Line:
    """The strongest attackers of a kind, by budget.

    Attributes:
        name: of the kind.
        results: one for each budget.
        colour: of the line.
        dash: of the line, for those who see no colours.
        width: in pixels.
    """

    name: str
    results: tuple[Result, ...]
    colour: str
    dash: str
    width: float


def budget_lines(report: AttackReport) -> list[Line]:
    """Arrange the strongest attackers of all, inside the domain of the rows, and by labels alone."""
    curve = report.curve
    return [
        # Wide and first, so that a line on top of it shows.
        Line("strongest", tuple(point.strongest for point in curve), RED, "solid", 5),
        Line(f"inside the domain {report.domain}", tuple(point.inside for point in curve), BLUE, "dash", 2.5),
        Line("labels alone", tuple(point.labels for point in curve), GREEN, "dot", 2.5),
    ]


def budget_figure(report: AttackReport, lines: Sequence[Line]) -> Figure:
    """Draw AUCs with their intervals; the axis of the budgets is logarithmic."""
    budgets = [point.budget for point in report.curve]
    drawing = chart(320)
    for line in lines:
        aucs = [result.auc for result in line.results]
        drawing.add_scatter(
            x=budgets,
            y=[auc.value for auc in aucs],
            error_y={
                "array": [auc.high - auc.value for auc in aucs],
                "arrayminus": [auc.value - auc.low for auc in aucs],
                "symmetric": False,
                "thickness": 1,
                "width": 3,
            },
            name=line.name,
            mode="lines+markers",
            line={"color": line.colour, "dash": line.dash, "width": line.width},
            hovertemplate="%{y:.3f} with %{x} queries for each row",
        )
    if report.without:
        value = strongest(report.without).auc.value
        drawing.add_hline(y=value, line={"color": GREY, "dash": "longdash", "width": 1.5})
        name = f"{model_names(report).reference.lower()}, one answer"
        drawing.add_annotation(x=0, xref="paper", y=value, text=name, showarrow=False, xanchor="left", yanchor="bottom")
    drawing.update_xaxes(title="queries for each row", type="log", tickvals=budgets, ticktext=[f"{b}" for b in budgets])
    drawing.update_yaxes(title="AUC", tickformat=".2f")
    return figure_of(drawing)
