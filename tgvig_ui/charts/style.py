"""The one look of all figures: colours that colour-blind people can tell apart, layout, and texts that fit."""

from __future__ import annotations

import html
import textwrap

import plotly.graph_objects as go

BLUE = "#0072B2"
"""Kept, best, good (Okabe and Ito's colours, like the two below)."""
ORANGE = "#D55E00"
"""Anomalous, worst, defective."""
GREY = "#8A8F98"
"""Everything else."""
LINES = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", GREY)
INK = "#1F2933"
GRID = "rgba(128, 134, 144, 0.28)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
BUTTONS = ["toimage", "zoom", "pan", "zoomin", "zoomout", "autoscale", "resetscale", "select", "lasso"]


def layout(title: str, x: str = "", y: str = "", height: int = 320, legend: bool = False, **more) -> go.Layout:
    """A calm layout for any width from 340 px on: transparent, no tool buttons, no dragging, the legend below.

    Args:
        title: up to about 40 characters, which is what fits a telephone.
        x, y: what the axes show, in words.
        height: px; the width is that of the page.
        legend: whether room is kept for one below the plot.
        more: further fields of plotly's layout.
    """
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "title": {"standoff": 10, "font_size": 13}}
    return go.Layout(
        title={"text": title, "x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 12}, "font_size": 15},
        template="none",  # plotly's own is left out: it would send 7 kB with every figure
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        height=height,
        margin={"l": 48, "r": 20, "t": 56, "b": 96 if legend else 56},
        showlegend=legend,
        legend={"orientation": "h", "traceorder": "normal", "x": 0, "xref": "container", "xanchor": "left",
                "y": 0, "yref": "container", "yanchor": "bottom"},
        xaxis=axis,
        xaxis_title_text=x,
        yaxis=axis,
        yaxis_title_text=y,
        hoverlabel={"bgcolor": "white", "bordercolor": GREY, "font": {"family": FONT, "size": 13, "color": INK}},
        dragmode=False,  # a finger on the plot scrolls the page
        modebar_remove=BUTTONS,
    ).update(more)  # fmt: skip


def empty(text: str) -> go.Figure:
    """A plot without data and a sentence in its middle: keeps the place until there is something to show."""
    figure = go.Figure(layout=layout("", height=260))
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=wrapped(text, 36), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font_size=14
    )
    return figure


def plain(text: str) -> str:
    """Text as plotly shows it to the letter: its labels know some HTML, which a file name must not become."""
    return html.escape(text, quote=False)


def short(text: str, limit: int = 20) -> str:
    """At most `limit` characters, cut in the middle: the end tells numbered files apart."""
    if len(text) > limit:
        tail = limit // 2 - 1
        text = f"{text[: limit - tail - 1]}…{text[-tail:]}"
    return plain(text)


def wrapped(text: str, width: int = 42) -> str:
    """Lines of at most `width` characters, for hover texts and titles."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, width)) or plain(text)
