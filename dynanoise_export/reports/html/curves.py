"""The ROC curves of the strongest attack on the rows themselves, and of the worst attack of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.roc import ERROR, Curve
from dynanoise_export.attacks.results import Result, strongest
from dynanoise_export.reports.attack_grid import model_names
from dynanoise_export.reports.attack_wording import who
from dynanoise_export.reports.html.plots import GREY, Figure, chart, figure_of
from dynanoise_export.reports.html.wording import figure
from dynanoise_export.types import Float64s

POINTS = 300
SMALLEST_FPR = 1e-4

# Distinct for the colour-blind, and on white as on black.
BLUE, GREEN = "#0f83c4", "#009e73"
ADAPTIVE = ("#f0a92c", "#de6518", "#bd2d1c")
DASHES = ("dash", "dashdot", "solid")


@dataclass(frozen=True)
class Drawn:
    """A result that is drawn.

    Attributes:
        name: on the page.
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


def compared(report: AttackReport) -> list[Drawn]:
    """Choose the curves of the strongest attack on the rows themselves, and that of the worst attack of all.

    The former are those without the defence, naive, and adaptive by the answers averaged.
    """
    worst, names = report.worst, model_names(report)
    attack = strongest_on_rows(report).attack
    same = [result for result in report.results if result.attack == attack and not result.attacker.plan]
    drawn = [Drawn("naive", r, BLUE, "dot", 2.5) for r in same if r.attacker.defended and not r.attacker.adaptive]
    drawn += [Drawn(names.model.lower(), r, ADAPTIVE[-1], "solid", 2) for r in same if not r.attacker.defended]
    drawn += _adaptive([r for r in same if r.attacker.adaptive])
    if not any(one.result is worst for one in drawn):
        drawn.append(Drawn(who(worst, report.defence is not None), worst, GREEN, "longdash", 2))
    if (
        plain := report.without_defence(strongest_on_rows(report))
    ) is not None:  # wide and first, so that a curve on top of it shows
        drawn.insert(0, Drawn(names.reference.lower(), plain, GREY, "solid", 7))
    return drawn


def strongest_on_rows(report: AttackReport) -> Result:
    """Find the strongest attack among those that send the rows themselves."""
    return strongest([result for result in report.results if not result.attacker.plan])


def _adaptive(results: Sequence[Result]) -> list[Drawn]:
    places = [1.0] if len(results) == 1 else np.linspace(0, 1, len(results))
    colours = sample_colorscale(list(ADAPTIVE), places)
    dashes = [DASHES[round(place * (len(DASHES) - 1))] for place in places]
    return [
        Drawn(result.attacker.name, result, colour, dash, 2)
        for result, colour, dash in zip(results, colours, dashes, strict=True)
    ]


def panelled(drawn: Sequence[Drawn]) -> list[Drawn]:
    """Choose the results whose scores are drawn: all but those of adaptive attackers who are not the strongest."""
    adaptive = [one for one in drawn if one.result.attacker.adaptive]
    best = max(adaptive, key=lambda one: one.result.auc.value, default=None)
    return [one for one in drawn if one is best or not one.result.attacker.adaptive]


def roc_figure(drawn: Sequence[Drawn], audit: Audit) -> Figure:
    """Draw ROC curves on logarithmic axes, and shade the FPRs that need more non-members."""
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
    drawing.update_xaxes(title="FPR: non-members mistaken for members", **_logarithmic(smallest))
    drawing.update_yaxes(title="TPR: members found", **_logarithmic(lowest))
    _shade(drawing, smallest, float(-np.expm1(np.log(ERROR) / audit.non_members)))
    return figure_of(drawing)


def _tprs(curve: Curve, rates: Float64s) -> Float64s:
    """Give the TPR at each FPR; between two thresholds, that of an attacker who chooses between them at random."""
    found = np.interp(rates * curve.non_members, curve.false_positives, curve.true_positives)
    return np.where(found > 0, found / curve.members, np.nan)  # the axis has no 0


def _logarithmic(smallest: float) -> dict[str, Any]:
    decades = [10.0**power for power in range(-4, 1)]
    return {
        "type": "log",
        "range": [float(np.log10(smallest)), 0.02],
        "tickvals": decades,
        "ticktext": [f"{100 * decade:g}%" for decade in decades],
    }


def _shade(drawing: go.Figure, smallest: float, measurable: float) -> None:
    if measurable > smallest:
        drawing.add_vrect(x0=smallest, x1=min(measurable, 1), fillcolor=GREY, opacity=0.18, line_width=0, layer="below")
