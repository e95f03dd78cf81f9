"""The scores of the worst attack, of members and of non-members."""

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.results import Result
from dynanoise_export.reports.html.plots import Figure, chart, figure_of

Floats = npt.NDArray[np.float64]

BINS, TICKS = 40, 5
# Of the scores, so many at each end may lie beyond what is drawn; they stand in the outermost bins.
BEYOND = 0.005

# Told apart by the colour-blind (Okabe and Ito), and on white as on black.
SIDES = {"members": "#d55e00", "non-members": "#0072b2"}


def score_figure(result: Result, member: npt.NDArray[np.bool_]) -> Figure:
    """Draw how the scores of members and of non-members are spread, each side by itself, in the same bins."""
    center, unit = _middle(result.scores, member)
    places = np.arcsinh((result.scores - center) / unit)  # a likelihood ratio has tails that leave no room for the rest
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


def _ticks(scores: Floats) -> Floats:
    """Round scores to what is read easily."""
    return np.unique([float(f"{score:.1g}") for score in scores])


def _middle(scores: Floats, member: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Find where scores lie close, and how close the side does that lies closer."""
    widths = [np.subtract(*np.quantile(scores[rows], [0.75, 0.25])) for rows in (member, ~member)]
    return float(np.median(scores)), float(min((width for width in widths if width > 0), default=1.0))


def _range(places: Floats) -> tuple[float, float]:
    low, high = np.quantile(places, [BEYOND, 1 - BEYOND])
    if low == high:
        low, high = places.min(), places.max()
    return (low - 0.5, high + 0.5) if low == high else (low, high)
