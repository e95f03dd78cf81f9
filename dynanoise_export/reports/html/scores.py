"""The scores of the worst attack, of members and of non-members."""

import numpy as np

from dynanoise_export.attacks.results import Result
from dynanoise_export.reports.html.plots import Figure, chart, figure_of
from dynanoise_export.types import Bools, Float64s

BINS, TICKS = 40, 5
# The share of the scores at each end that may lie outside the axis; they are counted in the outermost bins.
OUTSIDE = 0.005

# Distinct for the colour-blind (Okabe and Ito), and on white as on black.
SIDES = {"members": "#d55e00", "non-members": "#0072b2"}


def score_figure(result: Result, member: Bools) -> Figure:
    """Draw the distribution of the scores of members and of non-members, each by itself, in the same bins.

    Args:
        result: with scores [r].
        member: [r], whether a row is a member.
    """
    center, unit = _middle(result.scores, member)
    places = np.arcsinh((result.scores - center) / unit)  # the tails of a likelihood ratio would take all the room
    low, high = _range(places)
    edges = np.linspace(low, high, BINS + 1)
    drawing = chart(240).update_layout(barmode="overlay", bargap=0)
    for name, rows in (("non-members", ~member), ("members", member)):
        counts, _ = np.histogram(np.clip(places[rows], low, high), edges)
        drawing.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / rows.sum(),
            width=edges[1] - edges[0],
            name=name,
            marker={"color": SIDES[name], "opacity": 0.6, "line": {"width": 0}},
            hovertemplate="%{y:.1%} of " + name,
        )
    ticks = _ticks(center + unit * np.sinh(np.linspace(low, high, 2 * TICKS + 1)[1::2]))
    drawing.update_xaxes(
        title="score",
        zeroline=False,
        range=[low, high],
        tickvals=np.arcsinh((ticks - center) / unit),
        ticktext=[f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks],
    )
    drawing.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure_of(drawing)


def _ticks(scores: Float64s) -> Float64s:
    """Round scores to one digit."""
    return np.unique([float(f"{score:.1g}") for score in scores])


def _middle(scores: Float64s, member: Bools) -> tuple[float, float]:
    """Find the median of the scores, and the smaller of the two sides' interquartile ranges."""
    widths = [np.subtract(*np.quantile(scores[rows], [0.75, 0.25])) for rows in (member, ~member)]
    return float(np.median(scores)), float(min((width for width in widths if width > 0), default=1.0))


def _range(places: Float64s) -> tuple[float, float]:
    low, high = np.quantile(places, [OUTSIDE, 1 - OUTSIDE])
    if low == high:
        low, high = places.min(), places.max()
    return (low - 0.5, high + 0.5) if low == high else (low, high)
