"""The ROC curves of the worst attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from dynanoise_export.attacks.attacking_model import AttackReport
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.roc import ERROR, Curve
from dynanoise_export.attacks.results import Result
from dynanoise_export.reports.attack_grid import called, sides
from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of
from dynanoise_export.reports.html.wording import figure

POINTS = 300
SMALLEST_FPR = 1e-4

# Told apart by the colour-blind, and on white as on black.
BLUE, GREEN = "#0f83c4", "#009e73"
ADAPTIVE = ("#f0a92c", "#de6518", "#bd2d1c")
DASHES = ("dash", "dashdot", "solid")


@dataclass(frozen=True)
class Shown:
    """A result of the worst attack that is drawn.

    Attributes:
        name: as the page calls it.
        result: what is drawn.
        colour: of its curve.
        dash: of its curve, for those who see no colours.
        width: of its curve, in pixels.
    """

    name: str
    result: Result
    colour: str
    dash: str
    width: float


def compared(report: AttackReport) -> list[Shown]:
    """Choose what is drawn of the worst attack: without the defence, naive, and adaptive by the answers averaged."""
    worst, names = report.worst, sides(report)
    same = [result for result in report.results if result.attack == worst.attack and not result.attacker.labels_only]
    adaptive = [r for r in same if r.attacker.adaptive and r.attacker.near_duplicates is None]
    shown = [Shown("naive", r, BLUE, "dot", 2.5) for r in same if r.attacker.defended and not r.attacker.adaptive]
    shown += [Shown(names["attacked"].lower(), r, ADAPTIVE[-1], "solid", 2) for r in same if not r.attacker.defended]
    places = [1.0] if len(adaptive) == 1 else np.linspace(0, 1, len(adaptive))
    for result, place, colour in zip(adaptive, places, sample_colorscale(list(ADAPTIVE), places), strict=True):
        dash = DASHES[round(place * (len(DASHES) - 1))]
        shown.append(Shown(result.attacker.name, result, colour, dash, 2))
    if not any(one.result is worst for one in shown):
        shown.append(Shown(called(worst.attacker, report.attacked.head is not None), worst, GREEN, "longdash", 2))
    if (plain := report.plain_of(worst)) is not None:  # wide and first, so that a curve on top of it shows as such
        shown.insert(0, Shown(names["compared"].lower(), plain, GREY, "solid", 7))
    return shown


def panelled(drawn: Sequence[Shown]) -> list[Shown]:
    """Choose whose scores are drawn: all but those of adaptive attackers who are not the strongest."""
    adaptive = [one for one in drawn if one.result.attacker.adaptive]
    strongest = max(adaptive, key=lambda one: one.result.auc.value, default=None)
    return [one for one in drawn if one is strongest or not one.result.attacker.adaptive]


def roc_figure(drawn: Sequence[Shown], audit: Audit) -> Figure:
    """Draw ROC curves on logarithmic axes, and shade where there are too few non-members to tell."""
    smallest = max(SMALLEST_FPR, 1 / audit.non_members)
    rates = np.geomspace(smallest, 1, POINTS)
    drawing = chart(430)
    drawing.add_scatter(x=rates, y=rates, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip")
    for one in drawn:
        drawing.add_scatter(
            x=rates,
            y=_tprs(one.result.curve, rates),
            name=f"{one.name}, AUC {figure(one.result.auc.value)}",
            mode="lines",
            line={"color": one.colour, "dash": one.dash, "width": one.width},
            hovertemplate="%{y:.2%} of members at %{x:.3%} FPR",
        )
    lowest = max(SMALLEST_FPR, 1 / audit.members)
    drawing.update_xaxes(title="FPR: non-members accused", **_logarithmic(smallest))
    drawing.update_yaxes(title="TPR: members found", **_logarithmic(lowest))
    _shade(drawing, smallest, float(-np.expm1(np.log(ERROR) / audit.non_members)))
    return figure_of(drawing)


def _tprs(curve: Curve, rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the TPR at each FPR; between two thresholds, that of an attacker who draws lots between them."""
    found = np.interp(rates * curve.non_members, curve.false_positives, curve.true_positives)
    return np.where(found > 0, found / curve.members, np.nan)  # 0 has no place on the axis


def _logarithmic(smallest: float) -> dict[str, Any]:
    decades = [10.0**power for power in range(-4, 1)]
    return {
        "type": "log",
        "range": [float(np.log10(smallest)), 0.02],
        "tickvals": decades,
        "ticktext": [f"{100 * decade:g}%" for decade in decades],
    }


def _shade(drawing: go.Figure, smallest: float, tellable: float) -> None:
    if tellable > smallest:
        drawing.add_vrect(x0=smallest, x1=min(tellable, 1), fillcolor=GREY, opacity=0.18, line_width=0, layer="below")
