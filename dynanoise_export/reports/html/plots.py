"""What all plots have in common."""

import json
from typing import Any

import plotly.graph_objects as go

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
    figure: Figure = json.loads(drawing.to_json())
    return figure
