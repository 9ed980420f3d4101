"""The figures of a check hold its counts and differences, in their order and colours."""

import numpy as np
import pytest

from tgvig_ui.charts import check as check_figures
from tgvig_ui.charts.style import BLUE, GREY

pytestmark = pytest.mark.quick


def share(at: float, found: int) -> dict:
    return {"at": at, "found": found, "trials": 4, "share": found / 4, "low": 0.05, "high": 0.94}


def kinds() -> list[dict]:
    scratch = {
        "name": "scratches",
        "strengths": [share(0.2, 0), share(1, 3)],
        "sizes": [share(1, 0), share(2, 1), share(6, 4)],
    }
    blend = {"name": "patches without a visible edge", "strengths": [share(0.2, 1), share(1, 4)],
             "sizes": [share(8, 0), share(64, 2)]}  # fmt: skip
    return [scratch, blend]


def test_a_cell_for_each_kind_and_strength():
    figure = check_figures.strengths(kinds())
    cells = figure.data[0]
    np.testing.assert_array_equal(cells.z, [[0, 0.75], [0.25, 1]])
    assert [list(row) for row in cells.text] == [["0/4", "3/4"], ["1/4", "4/4"]]
    assert list(figure.layout.xaxis.ticktext) == ["0.2", "1"] and (cells.zmin, cells.zmax) == (0, 1)
    assert list(figure.layout.yaxis.ticktext) == ["Scratches", "Patches without<br>a visible edge"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert cells.customdata[0][1] == "Scratches, strength 1:<br>3 of 4 found<br>(90 % interval 5% to 94%)"


def test_sizes_stand_in_their_cells_and_a_kind_with_fewer_has_a_gap():
    cells = check_figures.sizes(kinds()).data[0]
    assert [list(row) for row in cells.text] == [
        ["<b>1</b><br>0/4", "<b>2</b><br>1/4", "<b>6</b><br>4/4"], ["<b>8</b><br>0/4", "<b>64</b><br>2/4", ""],
    ]  # fmt: skip
    assert list(cells.z[1]) == [0, 0.5, None]


def advised(recommended: str) -> dict:
    rows = (("real", 0.9, 0, 0, 0), ("augment", 0.89, -0.01, -0.03, 0.02), ("tgvig", 0.95, 0.05, 0.02, 0.07))
    return {
        "recommended": recommended,
        "arms": [dict(zip(("arm", "auroc", "difference", "low", "high"), row, strict=True)) for row in rows],
    }


def test_each_pool_is_a_dot_with_its_interval_beside_the_photos_only():
    figure = check_figures.advice(advised("tgvig"))
    copies, generated = figure.data
    assert (list(copies.x), list(copies.y), copies.marker.color, copies.marker.symbol) == ([-0.01], [0], GREY, "circle")
    assert (list(generated.x), list(generated.y)) == ([0.05], [1])
    assert (generated.marker.color, generated.marker.symbol) == (BLUE, "star")
    assert copies.error_x.array[0] == pytest.approx(0.03) and copies.error_x.arrayminus[0] == pytest.approx(0.02)
    assert "how much more often a defect" in figure.layout.xaxis.title.text.lower()
    line = figure.layout.shapes[0]
    assert (line.x0, line.x1) == (0, 0)
    low, high = figure.layout.xaxis.range
    assert low == -high and high > 0.07
    first, second = figure.layout.yaxis.ticktext
    assert first.replace("<br>", " ") == "With plain copies"
    assert second.replace("<br>", " ") == "<b>★ With generated images</b>"


def test_no_star_where_the_photos_only_are_best():
    figure = check_figures.advice(advised("real"))
    assert [trace.marker.symbol for trace in figure.data] == ["circle", "circle"]
    assert not any("★" in label for label in figure.layout.yaxis.ticktext)


def test_nothing_yet_is_said_in_a_sentence():
    alone = {"recommended": "real", "arms": advised("real")["arms"][:1]}
    for figure in (check_figures.strengths([]), check_figures.sizes([]), check_figures.advice(alone)):
        assert not figure.data and len(figure.layout.annotations) == 1
