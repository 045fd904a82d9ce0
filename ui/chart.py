"""A chart that does not blink: one component that redraws its figure on the same node of the page.

st.plotly_chart makes a new element whenever the figure differs: blank for a moment, zoom lost.
"""

from __future__ import annotations

from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit.components.v2 as components

# Served from the installed package by our own route, under a name that changes with the version.
LIBRARY = f"assets/plotly.min.js?v={plotly.__version__}"
_HTML = """
<div class="cx"></div>
<details class="cx-t"><summary>Numbers as a table</summary><div class="cx-s" tabindex="0"></div></details>
"""

_component = components.component(
    "chart",
    html=_HTML,
    js=Path(__file__).with_name("chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def chart(figure: go.Figure, key: str, alt: str, unit: str = "") -> None:
    """Draw `figure` (see `figures.py`). alt: what it shows, in a sentence; unit: of the numbers in its table."""
    _component(
        data={
            "figure": figure.to_json(),
            "height": figure.layout.height,
            "alt": alt,
            "unit": unit,
            "library": LIBRARY,
        },
        key=key,
    )
