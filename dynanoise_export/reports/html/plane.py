"""The privacy–utility plane: how well attackers do, against how accurate the answers are."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import strongest
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_grid import model_names
from dynanoise_export.reports.attack_wording import within
from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of

# Distinct for the colour-blind, and on white as on black.
RED, BLUE = "#de6518", "#0f83c4"


@dataclass(frozen=True)
class Spot:
    """A model behind a defence, or without one, against some attackers.

    Attributes:
        name: of both.
        accuracy: on non-members.
        auc: of the strongest of the attackers.
        colour: of the mark.
        symbol: Plotly's name of the mark, for those who see no colours.
    """

    name: str
    accuracy: Interval
    auc: Interval
    colour: str = RED
    symbol: str = "circle"


def attack_spots(report: AttackReport) -> list[Spot]:
    """Place the undefended model, and the defended one for each budget; none without both of them."""
    if report.plain_utility is None or report.defence is None or not report.without:
        return []
    names, accuracy = model_names(report), report.utility.accuracy
    plain = Spot(
        f"{names.reference}, one answer", report.plain_utility.accuracy, strongest(report.without).auc, GREY, "square"
    )
    defended = [
        Spot(f"{names.model}, {within(point.budget)}", accuracy, point.strongest.auc, symbol="circle-open")
        for point in report.curve
    ]
    labels = Spot(
        f"{names.model}, labels alone, {within(report.budget)}", accuracy, report.label_floor.auc, BLUE, "diamond"
    )
    return [plain, *defended[:-1], Spot(defended[-1].name, accuracy, defended[-1].auc), labels]


def plane_figure(spots: Sequence[Spot], risk: str = "AUC") -> Figure:
    """Draw marks with the intervals of both figures; `risk` names the one of the attackers."""
    drawing = chart(340)
    for spot in spots:
        drawing.add_scatter(
            x=[spot.accuracy.value],
            y=[spot.auc.value],
            error_x=_bars(spot.accuracy, spot.colour),
            error_y=_bars(spot.auc, spot.colour),
            name=spot.name,
            mode="markers",
            marker={"color": spot.colour, "symbol": spot.symbol, "size": 11, "line": {"width": 2}},
            hovertemplate=risk + " %{y:.3f} at an accuracy of %{x:.1%}, " + spot.name,
        )
    drawing.update_xaxes(title="accuracy on non-members", tickformat=".1%")
    drawing.update_yaxes(title=risk, tickformat=".2f")
    return figure_of(drawing)


def _bars(interval: Interval, colour: str) -> dict[str, object]:
    return {
        "array": [interval.high - interval.value],
        "arrayminus": [interval.value - interval.low],
        "symmetric": False,
        "thickness": 1,
        "width": 3,
        "color": colour,
    }
