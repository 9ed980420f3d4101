"""The figures hold the numbers they were given, in their order and colours, and survive hostile names."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest
from sklearn.metrics import roc_auc_score

from tgvig_core.prompting.ranking import RankedPrompt
from tgvig_ui.charts import prompts_and_sets
from tgvig_ui.charts.style import BLUE, GREY, ORANGE, short, wrapped
from tgvig_ui.steps.generate.words import improving

pytestmark = pytest.mark.quick

HOSTILE = '<b>a</b> & "b"<br>.png'


def prompt(word: str, score: float, kept: bool = True) -> RankedPrompt:
    return RankedPrompt(f"a nut with {word}", word, "part", "a thing", score, 1.2, kept, "kept: near enough")


def prompts() -> list[RankedPrompt]:
    return [prompt("thread", 0.31), prompt("hole", 0.3, kept=False), prompt("edge", 0.28), prompt("rust", -0.02)]


def texts(figure: go.Figure) -> str:
    return json.dumps(figure.to_plotly_json(), default=lambda value: value.tolist())


def test_bars_hold_every_score_best_at_the_top_and_colours_tell_kept_from_dropped():
    figure = prompts_and_sets.prompt_bars(prompts())
    kept, dropped = figure.data
    assert (kept.name, list(kept.y), list(kept.x), kept.marker.color) == ("Kept", [0, 2, 3], [0.31, 0.28, -0.02], BLUE)
    assert (list(dropped.y), list(dropped.x), dropped.marker.color) == ([1], [0.3], GREY)
    assert list(figure.layout.yaxis.ticktext) == ["thread", "hole", "edge", "rust"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # place 0 is at the top
    assert figure.layout.xaxis.range[0] < -0.02 and figure.layout.xaxis.range[1] >= 0.31


def test_the_chosen_prompt_is_marked_and_shown_even_below_the_top():
    among = prompts_and_sets.prompt_bars(prompts(), top=2, chosen="a nut with hole").layout.yaxis.ticktext
    assert list(among) == ["thread", "<b>★ hole</b>"]
    below = prompts_and_sets.prompt_bars(prompts(), top=2, chosen="a nut with rust")
    assert list(below.layout.yaxis.ticktext) == ["thread", "hole", "<b>★ rust (no. 4)</b>"]
    assert below.data[0].customdata[-1].startswith("No. 4: a nut with rust<br>Similarity -0.0200")


def test_the_map_places_dots_stars_and_the_ring():
    found = {
        "prompts": [{"prompt": "a", "score": 0.2, "xy": [1.0, 2.0]}, {"prompt": "b", "score": 0.1, "xy": [3.0, 4.0]}],
        "photos": [[5.0, 6.0], [7.0, 8.0]],
        "explained": [0.42, 0.11],
    }
    dots, stars, ring = prompts_and_sets.prompt_map(found, chosen="b").data
    assert (list(dots.x), list(dots.y), list(dots.marker.color)) == ([1, 3], [2, 4], [0.2, 0.1])
    assert (list(stars.x), list(stars.y), stars.marker.symbol) == ([5, 7], [6, 8], "star")
    assert (list(ring.x), list(ring.y), ring.marker.symbol) == ([3], [4], "circle-open")
    figure = prompts_and_sets.prompt_map(found)
    assert len(figure.data) == 2
    assert figure.layout.xaxis.title.text == "Direction 1 (42% of the differences)"


def test_photo_bars_keep_the_order_of_the_photos():
    figure = prompts_and_sets.photo_bars(["b.png", "a.png"], [0.1, 0.3], "a nut")
    assert list(figure.data[0].x) == [0.1, 0.3]
    assert list(figure.layout.yaxis.ticktext) == ["b.png", "a.png"]


def test_the_curve_has_a_line_and_a_star_for_each_prompt():
    figure = prompts_and_sets.similarity_curve(
        {"one": [0.2, 0.25, 0.24], "two": [0.1], "none": []}, {"one": 2, "two": 1}
    )
    line, star, other, other_star = figure.data
    assert (list(line.x), list(line.y)) == ([1, 2, 3], [0.2, 0.25, 0.24])
    assert (list(star.x), list(star.y), star.marker.symbol) == ([2], [0.25], "star")
    assert (list(other.y), list(other_star.x)) == ([0.1], [1])
    assert line.line.color == star.marker.color != other.line.color
    legend = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert legend == ["one", "The set that is used", "two"]


@pytest.mark.parametrize("used", [1, 3])
def test_the_star_stands_on_the_set_that_is_used_be_it_the_best_or_not(used):
    star = prompts_and_sets.similarity_curve({"one": [0.2, 0.25, 0.24]}, {"one": used}).data[1]
    assert list(star.x) == [used]


def test_nothing_yet_is_said_in_a_sentence():
    nothing = (
        prompts_and_sets.similarity_curve({}, {}),
        prompts_and_sets.similarity_curve({"one": []}, {}),
        prompts_and_sets.prompt_bars([]),
        prompts_and_sets.photo_bars([], [], "a"),
        prompts_and_sets.score_histogram([], None, 1.0),
        prompts_and_sets.confusion(0, 0, 0, 0),
        prompts_and_sets.roc([1.0, 2.0], [True, True]),
    )
    for figure in nothing:
        assert not figure.data and len(figure.layout.annotations) == 1
    assert nothing[0].layout.annotations[0].text.replace("<br>", " ") == "The first set appears after about a minute"


@pytest.mark.parametrize(
    ("similarity", "words"),
    [
        ([], "The first set appears after about a minute."),
        ([0.2], "Set 1 fits the prompt best so far."),
        ([0.1, 0.2, 0.19, 0.15], "Set 2 fits the prompt best so far."),
        ([0.1, 0.2, 0.19, 0.15, 0.2], "No longer improving since iteration 2."),
    ],
)
def test_whether_it_improves_is_said_in_words(similarity, words):
    assert improving(similarity) == words


def test_no_bar_of_the_histogram_reaches_across_the_threshold():
    scores = np.random.default_rng(0).normal(2, 0.5, 200)
    labels = scores + np.random.default_rng(1).normal(0, 0.3, 200) > 2.4
    figure = prompts_and_sets.score_histogram(scores.tolist(), labels.tolist(), 2.3)
    good, bad = figure.data
    assert (good.name, good.marker.color, bad.name, bad.marker.color) == ("Good", BLUE, "Defective", ORANGE)
    assert (sum(good.y), sum(bad.y)) == ((~labels).sum(), labels.sum())
    above = sum(count for trace in figure.data for x, count in zip(trace.x, trace.y, strict=True) if x > 2.3)
    assert above == (scores > 2.3).sum()
    line = figure.layout.shapes[0]
    assert (line.x0, line.x1, line.line.dash) == (2.3, 2.3, "dash")
    assert figure.layout.annotations[0].text == "Threshold 2.3"


def test_scores_without_labels_have_one_colour_and_equal_scores_still_a_bar():
    figure = prompts_and_sets.score_histogram([1.0, 1.0, 1.0], None, 5.0)
    assert [(trace.marker.color, sum(trace.y)) for trace in figure.data] == [(GREY, 3)]
    assert figure.layout.xaxis.range[0] < 1 and figure.layout.xaxis.range[1] > 5
    assert prompts_and_sets.score_histogram([0.0, 0.0], None, 0.0).data[0].y.sum() == 2


def test_roc_has_the_area_of_scikit_learn_and_the_rates_at_the_threshold():
    scores, labels = [1, 2, 3, 4, 40], [False, False, True, False, True]
    curve, chance, point = prompts_and_sets.roc(scores, labels, threshold=3.5).data
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(roc_auc_score(labels, scores)) == pytest.approx(5 / 6)
    assert curve.name == "AUROC 0.833 (0.5 is chance)"
    assert (point.x[0], point.y[0]) == (pytest.approx(1 / 3), pytest.approx(1 / 2))


def test_the_four_counts_stand_where_they_belong():
    cells = prompts_and_sets.confusion(tn=55, fp=5, fn=8, tp=32).data[0]
    assert [list(row) for row in cells.customdata] == [[55, 5], [8, 32]]
    assert cells.text[0][1] == "<b>5</b><br>False alarm" and cells.text[1][0] == "<b>8</b><br>Missed defect"
    assert (cells.x[1], cells.y[1]) == ("ANOMALOUS", "Defective")


def test_names_are_shown_to_the_letter_and_not_taken_for_html():
    for figure in (
        prompts_and_sets.photo_bars([HOSTILE], [0.1], HOSTILE),
        prompts_and_sets.prompt_bars([prompt(HOSTILE, 0.1)]),
        prompts_and_sets.similarity_curve({HOSTILE: [0.1]}, {HOSTILE: 1}),
        prompts_and_sets.empty(HOSTILE),
    ):
        assert "<b>a" not in texts(figure) and "&lt;b&gt;a" in texts(figure)


def test_long_names_are_cut_in_the_middle_and_keep_their_number():
    assert short("IMG_20240311_114512_012.jpg") == "IMG_202403…2_012.jpg"
    assert max(map(len, wrapped("word " * 40).split("<br>"))) <= 42


def test_titles_fit_a_telephone_and_no_tool_buttons_are_in_the_way():
    figure = prompts_and_sets.confusion(1, 2, 3, 4)
    assert len(figure.layout.title.text) <= 40
    assert figure.layout.dragmode is False and "zoom" in figure.layout.modebar.remove
    assert figure.layout.width is None
