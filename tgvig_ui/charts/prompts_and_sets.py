"""The app's figures: pure functions from plain values to plotly figures, and the words that go with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from tgvig_ui.charts.scores import confusion, roc, score_histogram
from tgvig_ui.charts.style import BLUE, GREY, LINES, ORANGE, empty, layout, short, wrapped

if TYPE_CHECKING:
    from tgvig_core.prompting.ranking import RankedPrompt

__all__ = [
    "confusion",
    "empty",
    "photo_bars",
    "prompt_bars",
    "prompt_map",
    "roc",
    "score_histogram",
    "similarity_curve",
]

FIRST_SET = "The first set appears after about a minute"


def prompt_bars(prompts: Sequence[RankedPrompt], top: int = 15, chosen: str | None = None) -> go.Figure:
    """The cosine of the best prompts as bars, best at the top, kept ones blue and dropped ones grey.

    Args:
        prompts: best score first, dropped ones among them.
        top: how many to show, at least 1.
        chosen: text of the chosen prompt; gets a star, and a bar of its own where it is not among the top.
    """
    if not prompts:
        return empty("No prompt has been compared yet")
    rows = list(enumerate(prompts[:top], start=1))
    rows += [(rank, p) for rank, p in enumerate(prompts, start=1) if rank > top and p.text == chosen]
    figure = go.Figure()
    for name, colour, kept in (("Kept", BLUE, True), ("Dropped", GREY, False)):
        places = [place for place, (_, prompt) in enumerate(rows) if prompt.kept == kept]
        if places:
            shown = [rows[place] for place in places]
            figure.add_bar(
                name=name, orientation="h", y=places, x=[prompt.score for _, prompt in shown],
                marker_color=colour, customdata=[_prompt_hover(rank, prompt) for rank, prompt in shown],
            )  # fmt: skip
    _bars(figure, "Prompts that fit the photos best", [_prompt_label(rank, p, top, chosen) for rank, p in rows])
    figure.update_layout(showlegend=True, margin_b=104, height=170 + 26 * len(rows))
    return figure


def _prompt_label(rank: int, prompt: RankedPrompt, top: int, chosen: str | None) -> str:
    label = short(prompt.word or prompt.text)  # all prompts begin alike; the word is what differs
    if rank > top:
        label = f"{label} (no. {rank})"
    return f"<b>★ {label}</b>" if prompt.text == chosen else label


def _prompt_hover(rank: int, prompt: RankedPrompt) -> str:
    lines = (f"No. {rank}: {prompt.text}", f"Similarity {prompt.score:.4f}", prompt.gloss, prompt.reason)
    return "<br>".join(wrapped(line) for line in lines if line)


def photo_bars(names: Sequence[str], scores: Sequence[float], prompt: str) -> go.Figure:
    """How well one prompt fits each photo.

    Args:
        names: file names, in the order to show from the top.
        scores: their cosines in [-1, 1].
        prompt: what they are compared with.
    """
    if not names:
        return empty("No photo yet")
    figure = go.Figure()
    hover = [f"{wrapped(name)}<br>Similarity {score:.4f}" for name, score in zip(names, scores, strict=True)]
    figure.add_bar(orientation="h", y=list(range(len(names))), x=list(scores), marker_color=BLUE, customdata=hover)
    _bars(figure, wrapped(f"“{prompt}” on each photo", 40), [short(name) for name in names])
    return figure


def _bars(figure: go.Figure, title: str, labels: Sequence[str]) -> None:
    """What horizontal bars share: labels from the top down, values at the ends, and room for these."""
    values = [value for trace in figure.data for value in trace.x]
    low = 1.3 * min(*values, 0)  # bars start at 0; room for a value to the left of a negative one
    figure.update_traces(
        width=0.7,
        marker_line_width=0,
        texttemplate="%{x:.3f}",
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{customdata}<extra></extra>",
    )
    height = 140 + 26 * len(labels) + 20 * title.count("<br>")
    figure.update_layout(layout(title, "Similarity (cosine)", height=height, barmode="overlay"))
    figure.update_layout(margin_t=56 + 20 * title.count("<br>"), margin_r=56)
    figure.update_xaxes(range=[low, max(*values, 0.05)], nticks=5)
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=list(labels), range=[len(labels) - 0.5, -0.5], showgrid=False
    )


def prompt_map(map: dict, chosen: str | None = None) -> go.Figure:
    """The paper's Fig. 7: prompts and photos on the two directions in which they differ most.

    Args:
        map: what prompt_map.json holds: `prompts` (prompt, score, xy), `photos` (x, y) and `explained`, the share
            of the differences in each direction, in [0, 1].
        chosen: text of the chosen prompt, which gets a ring.
    """
    dots, photos = map["prompts"], map["photos"]
    if not dots:
        return empty("No prompt has been compared yet")
    names = [f"Direction {n} ({share:.0%} of the differences)" for n, share in enumerate(map["explained"], start=1)]
    figure = go.Figure(layout=layout("Prompts and photos: near is alike", *names, height=460, legend=True))
    scores = [dot["score"] for dot in dots]
    bar = {"title": {"text": "Similarity", "font_size": 13}, "thickness": 10, "outlinewidth": 0, "nticks": 5}
    figure.add_scatter(
        name="Prompt", mode="markers", x=[dot["xy"][0] for dot in dots], y=[dot["xy"][1] for dot in dots],
        marker={"size": 9, "color": scores, "colorscale": "Cividis", "line": {"width": 0.5, "color": GREY},
                "colorbar": bar},
        customdata=[f"{wrapped(dot['prompt'])}<br>Similarity {dot['score']:.4f}" for dot in dots],
    )  # fmt: skip
    figure.add_scatter(
        name="Photo", mode="markers", x=[x for x, _ in photos], y=[y for _, y in photos],
        marker={"symbol": "star", "size": 14, "color": ORANGE, "line": {"width": 1, "color": "white"}},
        customdata=[f"Photo {number}" for number in range(1, len(photos) + 1)],
    )  # fmt: skip
    for dot in [dot for dot in dots if dot["prompt"] == chosen][:1]:  # the worst prompt can stand twice in the list
        figure.add_scatter(
            name="Chosen prompt", mode="markers", x=[dot["xy"][0]], y=[dot["xy"][1]],
            marker={"symbol": "circle-open", "size": 20, "color": BLUE, "line": {"width": 3}},
            customdata=[f"Chosen: {wrapped(dot['prompt'])}"],
        )  # fmt: skip
    return figure.update_traces(hovertemplate="%{customdata}<extra></extra>")


def similarity_curve(curves: Mapping[str, Sequence[float]], used: Mapping[str, int]) -> go.Figure:
    """How the generated sets fit the prompt, iteration by iteration; a star marks the set that is used.

    Args:
        curves: name of the prompt or run, and the cosine of each of its sets so far, first iteration first.
        used: by name, number (from 1) of the set that is learned from: the best so far, the last or a person's choice.
    """
    curves = {name: list(values) for name, values in curves.items() if len(values)}
    if not curves:
        return empty(FIRST_SET)
    longest = max(len(values) for values in curves.values())
    figure = go.Figure(
        layout=layout("Do the sets fit the prompt better?", "Iteration (each makes one set)",
                      "Similarity to the prompt", height=320 + 20 * len(curves), legend=True)
    )  # fmt: skip
    star = "The set that is used"
    for place, (name, values) in enumerate(curves.items()):
        colour = LINES[place % len(LINES)]
        marked = used[name]
        hover = [f"{wrapped(name)}<br>Set {n}: similarity {value:.4f}" for n, value in enumerate(values, start=1)]
        figure.add_scatter(
            name=short(name, 40), mode="lines+markers", x=list(range(1, len(values) + 1)), y=values,
            line_color=colour, marker={"size": 7, "symbol": place % len(LINES)}, customdata=hover,
        )  # fmt: skip
        figure.add_scatter(
            name=star, mode="markers", x=[marked], y=[values[marked - 1]], showlegend=place == 0, legendrank=2000,
            marker={"symbol": "star", "size": 18, "color": colour, "line": {"width": 1, "color": "white"}},
            customdata=[f"{star}<br>{hover[marked - 1]}"],
        )  # fmt: skip
    low, high = (function(map(function, curves.values())) for function in (min, max))
    room = max(0.12 * (high - low), 0.01)  # a lone point must not stand on an axis from −1 to 1
    figure.update_traces(hovertemplate="%{customdata}<extra></extra>")
    figure.update_yaxes(range=[low - room, high + room], nticks=6)
    return figure.update_xaxes(range=[0.5, longest + 0.5], dtick=math.ceil(longest / 10), tick0=1)
