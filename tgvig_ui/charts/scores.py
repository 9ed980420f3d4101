"""Figures of the inspected photos' scores: where the threshold lies among them, and how well good and bad part."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from tgvig_ui.charts.style import BLUE, GREY, INK, ORANGE, empty, layout

BINS = 24
RIGHT, WRONG = "#CFE5F3", "#F8D9C4"
"""Light blue and orange, on which dark text reads well."""


def score_histogram(scores: Sequence[float], labels: Sequence[bool] | None, threshold: float) -> go.Figure:
    """How many photos have which score, and the threshold; no bar reaches across it.

    Args:
        scores: raw image scores, finite.
        labels: True for defective, one for each score; None where nobody knows.
        threshold: scores above it are called anomalous.
    """
    if not len(scores):
        return empty("No photo has been inspected yet")
    values = np.asarray(scores, dtype=float)
    size = max(float(np.ptp(values)), abs(threshold) * 1e-3, 1e-9) / BINS
    bins = np.floor((values - threshold) / size).astype(int)  # counted from the threshold, which is thus an edge
    known = labels is not None
    truth = np.asarray(labels, dtype=bool) if known else np.zeros(len(values), dtype=bool)
    figure = go.Figure(
        layout=layout(
            "Scores of the photos", "Score (larger is more anomalous)", "Photos", legend=known, barmode="stack"
        ).update(margin_t=76)
    )
    kinds = (("Good", BLUE, ~truth), ("Defective", ORANGE, truth)) if known else (("Photos", GREY, ~truth),)
    for name, colour, chosen in kinds:
        places, counts = np.unique(bins[chosen], return_counts=True)
        low = threshold + places * size
        figure.add_bar(
            name=name, x=low + size / 2, y=counts, width=size, marker={"color": colour, "line_width": 0},
            customdata=np.stack([low, low + size], axis=1),
            hovertemplate=f"{name}: %{{y}} with a score<br>of %{{customdata[0]:.4g}} to %{{customdata[1]:.4g}}"
            "<extra></extra>",
        )  # fmt: skip
    low, high = min(values.min(), threshold) - 2 * size, max(values.max(), threshold) + 2 * size
    figure.update_xaxes(range=[low, high])
    figure.update_yaxes(dtick=math.ceil(np.unique(bins, return_counts=True)[1].max() / 5))  # whole photos only
    return _mark_threshold(figure, threshold, on_left=threshold > (low + high) / 2)


def _mark_threshold(figure: go.Figure, threshold: float, on_left: bool) -> go.Figure:
    figure.add_shape(
        type="line", x0=threshold, x1=threshold, yref="paper", y0=0, y1=1.04, line={"color": GREY, "width": 2, "dash": "dash"}
    )  # fmt: skip
    return figure.add_annotation(
        text=f"Threshold {threshold:.4g}", x=threshold, yref="paper", y=1.03, yanchor="bottom", showarrow=False,
        xanchor="right" if on_left else "left",
    )  # fmt: skip


def roc(scores: Sequence[float], labels: Sequence[bool], threshold: float | None = None) -> go.Figure:
    """Defects found against false alarms for every threshold there could be, and the area below (AUROC).

    Args:
        scores: raw image scores. labels: True for defective.
        threshold: marked where it is given.
    """
    from sklearn.metrics import roc_auc_score, roc_curve  # seconds: the page must not wait for it

    values, truth = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    if truth.all() or not truth.any():
        return empty("This curve needs photos of good and of defective parts")
    alarms, found, limits = roc_curve(truth, values, drop_intermediate=False)
    figure = go.Figure(
        layout=layout("Defects found, false alarms", "Good parts called anomalous", "Defects found", 360, legend=True)
    )
    figure.add_scatter(
        name=f"AUROC {roc_auc_score(truth, values):.3f} (0.5 is chance)", mode="lines", x=alarms, y=found,
        line={"color": BLUE, "width": 3}, customdata=limits,
        hovertemplate="Threshold %{customdata:.4g}:<br>%{y:.0%} of the defects found,<br>"
        "%{x:.0%} of the good parts called anomalous<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        name="Chance", mode="lines", x=[0, 1], y=[0, 1], line={"color": GREY, "dash": "dot"}, hoverinfo="skip"
    )
    if threshold is not None:
        flagged = values > threshold
        figure.add_scatter(
            name="Threshold", mode="markers", x=[flagged[~truth].mean()], y=[flagged[truth].mean()],
            marker={"symbol": "diamond", "size": 13, "color": ORANGE, "line": {"width": 1, "color": "white"}},
            hovertemplate=f"At the threshold {threshold:.4g}:<br>%{{y:.0%}} of the defects found,<br>"
            "%{x:.0%} of the good parts called anomalous<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", nticks=6)
    return figure.update_yaxes(range=[-0.02, 1.04], tickformat=".0%", nticks=6)


def confusion(tn: int, fp: int, fn: int, tp: int) -> go.Figure:
    """The four counts: good parts passed (tn) and called anomalous (fp), defects missed (fn) and found (tp)."""
    if tn + fp + fn + tp == 0:
        return empty("No labelled photo has been inspected yet")
    words = [[f"<b>{tn}</b><br>Good, passed", f"<b>{fp}</b><br>False alarm"],
             [f"<b>{fn}</b><br>Missed defect", f"<b>{tp}</b><br>Defect found"]]  # fmt: skip
    figure = go.Figure(layout=layout("Verdicts and labels", "Verdict", "Label", height=300))
    figure.add_heatmap(
        x=["GOOD", "ANOMALOUS"], y=["Good", "Defective"], z=[[0, 1], [1, 0]], text=words, customdata=[[tn, fp], [fn, tp]],
        colorscale=[[0, RIGHT], [1, WRONG]], showscale=False, xgap=4, ygap=4, textfont_color=INK,
        texttemplate="%{text}",
        hovertemplate="Label %{y}, verdict %{x}:<br>%{customdata} photos<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(showgrid=False)
    return figure.update_yaxes(showgrid=False, autorange="reversed")
