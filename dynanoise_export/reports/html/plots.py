"""What all plots have in common."""

import json
from typing import Any

import plotly.graph_objects as go

from dynanoise_export.printable import printable

# A figure as plotly.js takes it.
Figure = dict[str, Any]

GREY = "#8a929c"


def chart(height: int) -> go.Figure:
    """Begin a chart of a height in pixels. The page sets its colours, for light and for dark."""
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 56, "r": 24, "t": 12, "b": 44},
            "showlegend": False,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 12},
        }
    )


def figure_of(drawing: go.Figure) -> Figure:
    """Turn a chart into what the page holds."""
    figure: Figure = json.loads(drawing.to_json(), object_hook=_without_markup)
    return figure


def _without_markup(part: dict[str, Any]) -> dict[str, Any]:
    """Escape the texts of a part of a chart, in which Plotly knows some tags of HTML."""
    return {name: _text(value) if isinstance(value, str) else value for name, value in part.items()}


def _text(value: str) -> str:
    return printable(value).replace("<", "&lt;")
