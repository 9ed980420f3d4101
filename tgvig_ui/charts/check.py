"""Figures of the check: which synthetic defects are found, and what other pools of images would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_ui.charts.scores import RIGHT, WRONG
from tgvig_ui.charts.style import BLUE, GREY, INK, empty, layout, wrapped

LABEL = 15
"""Letters in a line of a label at the left: what a telephone has room for."""
MIDDLING = "#F6F1EA"
MORE_OFTEN = "How much more often a defect<br>scores above a good one (AUROC)"


def strengths(kinds: Sequence[Mapping]) -> go.Figure:
    """How many synthetic defects of each kind are found at each strength.

    Args:
        kinds: KindCurve (tgvig_core.diagnosis.detectability) as plain values.
    """
    if not kinds:
        return empty("No synthetic defect has been tried yet")
    names = [f"{share['at']:g}" for share in kinds[0]["strengths"]]
    words = [[f"{share['found']}/{share['trials']}" for share in kind["strengths"]] for kind in kinds]
    hover = [[_hover(kind, share, f"strength {share['at']:g}") for share in kind["strengths"]] for kind in kinds]
    shares = [[share["share"] for share in kind["strengths"]] for kind in kinds]
    return _cells("Found, by strength", "Strength of the defect", kinds, names, shares, words, hover)


def sizes(kinds: Sequence[Mapping]) -> go.Figure:
    """How many are found at each size at full strength; a scratch's size is the width of its line, so cells tell theirs.

    Args:
        kinds: as for `strengths`.
    """
    if not kinds:
        return empty("No synthetic defect has been tried yet")
    most = max(len(kind["sizes"]) for kind in kinds)
    rows = [[*kind["sizes"], *[None] * (most - len(kind["sizes"]))] for kind in kinds]
    words = [[f"<b>{s['at']:g}</b><br>{s['found']}/{s['trials']}" if s else "" for s in row] for row in rows]
    hover = [
        [_hover(kind, share, f"{share['at']:g} px") if share else "" for share in row]
        for kind, row in zip(kinds, rows, strict=True)
    ]
    shares = [[share["share"] if share else None for share in row] for row in rows]
    names = ["smallest", *[""] * (most - 2), "largest"]
    return _cells("Found, by size at full strength", "Bold: the size in px", kinds, names, shares, words, hover)


def _hover(kind: Mapping, share: Mapping, at: str) -> str:
    name = wrapped(f"{kind['name'].capitalize()}, {at}")
    return (
        f"{name}:<br>{share['found']} of {share['trials']} found<br>"
        f"(90 % interval {share['low']:.0%} to {share['high']:.0%})"
    )


def _cells(
    title: str, x: str, kinds: Sequence[Mapping], names: Sequence[str], shares: Sequence, words: Sequence,
    hover: Sequence,
) -> go.Figure:  # fmt: skip
    """A cell for each kind and column, orange where few are found and blue where many are; the counts say so, too."""
    figure = go.Figure(layout=layout(title, x, height=120 + 44 * len(kinds)))
    figure.add_heatmap(
        x=list(range(len(names))), y=list(range(len(kinds))), z=shares, text=words, customdata=hover, zmin=0, zmax=1,
        colorscale=[[0, WRONG], [0.5, MIDDLING], [1, RIGHT]], showscale=False, xgap=3, ygap=3,
        textfont={"color": INK, "size": 12}, texttemplate="%{text}", hoverongaps=False,
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    labels = [wrapped(kind["name"].capitalize(), LABEL) for kind in kinds]
    figure.update_layout(margin_l=16, margin_r=12)
    figure.update_xaxes(showgrid=False, tickvals=list(range(len(names))), ticktext=list(names))
    return figure.update_yaxes(showgrid=False, autorange="reversed", tickvals=list(range(len(kinds))), ticktext=labels)


def advice(found: Mapping) -> go.Figure:
    """What else could be learned from: the difference of each pool's image AUROC to that of the photos only.

    Args:
        found: Advice (tgvig_core.diagnosis.pool_comparison) as plain values.
    """
    others = [row for row in found["arms"] if row["arm"] != "real"]
    if not others:
        return empty("There is nothing else to learn from")
    figure = go.Figure(layout=layout("Better or worse than photos only?", MORE_OFTEN, height=168 + 48 * len(others)))
    for place, row in enumerate(others):
        best = row["arm"] == found["recommended"]
        figure.add_scatter(
            mode="markers", x=[row["difference"]], y=[place], customdata=[_advice_hover(row)],
            error_x={"array": [row["high"] - row["difference"]], "arrayminus": [row["difference"] - row["low"]],
                     "thickness": 3, "width": 6},
            marker={"size": 16 if best else 12, "color": BLUE if best else GREY,
                    "symbol": "star" if best else "circle"},
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    figure.add_shape(
        type="line", x0=0, x1=0, yref="paper", y0=0, y1=1, line={"color": INK, "width": 1.5, "dash": "dash"}
    )
    reach = 1.15 * max(0.01, *(abs(row[end]) for row in others for end in ("low", "high")))
    labels = [_advice_label(row["arm"], row["arm"] == found["recommended"]) for row in others]
    figure.update_xaxes(range=[-reach, reach], nticks=5, tickformat="+.2~f")
    return figure.update_yaxes(
        range=[len(others) - 0.5, -0.5], tickvals=list(range(len(others))), ticktext=labels, showgrid=False
    )


def _advice_label(arm: str, best: bool) -> str:
    label = wrapped(
        f"With {TrainingSet.parse(arm).title.removeprefix('the photos and ').removesuffix(' of them')}", LABEL
    )
    return f"<b>★ {label}</b>" if best else label


def _advice_hover(row: Mapping) -> str:
    return (
        f"{wrapped(TrainingSet.parse(row['arm']).title.capitalize())}:<br>AUROC {row['auroc']:.3f}, {row['difference']:+.3f}"
        f"<br>(90 % interval {row['low']:+.3f} to {row['high']:+.3f})"
    )
