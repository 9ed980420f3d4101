"""Means over seeds and paired differences, by hand."""

import numpy as np
import pytest
from made_rows import made_quality

from tgvig_core.benchmark.results.rows import Row
from tgvig_core.benchmark.results.statistics import over_seeds, paired, shared, spread

pytestmark = pytest.mark.quick


def row(category: str, seed: int, arm: str, auroc: float | None, **more) -> Row:
    return Row(**{"dataset": "mvtec", "category": category, "shots": 1, "seed": seed, "arm": arm, "detector": "patchcore",
                  "backbone": "b", "image_auroc": auroc, "error": None} | more)  # fmt: skip


def test_the_spread_is_of_a_sample():
    found = spread([0.7, 0.8, 0.9])
    assert (found.mean, found.std, found.seeds) == (pytest.approx(0.8), pytest.approx(0.1), 3)
    assert spread([0.5]).std is None and spread([]) is None


def test_categories_are_averaged_within_a_seed_before_seeds_are_compared():
    rows = [row("a", 0, "real", 0.6), row("b", 0, "real", 1.0), row("a", 1, "real", 0.8), row("b", 1, "real", 1.0)]
    found = over_seeds(rows, "real", "image_auroc")  # 0.8 and 0.9
    assert found.mean == pytest.approx(0.85) and found.std == pytest.approx(0.1 / 2**0.5) and found.seeds == 2


def test_a_seed_that_lacks_a_category_does_not_count():
    rows = [row("a", 0, "real", 0.6), row("b", 0, "real", 1.0), row("a", 1, "real", 0.2), row("b", 1, "real", None)]
    assert over_seeds(rows, "real", "image_auroc").mean == pytest.approx(0.8)
    assert over_seeds([row("a", 0, "real", 0.5), row("b", 1, "real", 0.5)], "real", "image_auroc") is None


def test_all_arms_are_averaged_over_the_same_categories():
    rows = []
    for category, level in {"a": 0.9, "b": 0.9, "c": 0.5, "d": 0.5}.items():
        for seed in (0, 1):
            rows.append(row(category, seed, "real", level))
            rows.append(row(category, seed, "tgvig", level, error="Memory is short." if category in "cd" else None))
    both = {arm: over_seeds(rows, arm, "image_auroc") for arm in ("real", "tgvig")}
    assert both["real"] == both["tgvig"] and both["real"].mean == pytest.approx(0.9)  # and not 0.7 of the photos alone
    assert {found.category for found in shared(rows, "image_auroc")} == {"a", "b"}


def test_draws_that_one_arm_lacks_count_for_no_arm():
    rows = [row("a", seed, "real", level) for seed, level in enumerate((0.5, 0.7, 0.9))]
    rows += [row("a", 0, "tgvig", 0.6), row("a", 1, "tgvig", 0.8), row("a", 2, "augment", 0.1)]
    assert shared(rows, "image_auroc") == [] and over_seeds(rows, "real", "image_auroc") is None
    rows += [row("a", 1, "augment", 0.2)]
    assert [over_seeds(rows, arm, "image_auroc").mean for arm in ("real", "tgvig", "augment")] == [0.7, 0.8, 0.2]
    # An arm that has the figure nowhere is not compared: it takes no draw from the others.
    rows += [row("a", seed, "vqgan-clip", None) for seed in (0, 1, 2)]
    assert over_seeds(rows, "tgvig", "image_auroc").mean == 0.8
    assert over_seeds(rows, "vqgan-clip", "image_auroc") is None


def test_a_figure_of_a_row_with_an_error_or_none_is_no_number():
    assert row("a", 0, "real", 0.5, error="Memory is short.").figure("image_auroc") is None
    assert row("a", 0, "real", 0.5).figure("image_auroc") == 0.5
    assert row("a", 0, "real", None).figure("image_auroc") is None
    assert row("a", 0, "real", 0.5, quality=made_quality(0.25)).figure("quality.ssim") == 0.25
    assert row("a", 0, "real", 0.5, quality=None).figure("quality.ssim") is None


def test_only_the_same_draw_of_the_same_detector_makes_a_pair():
    rows = [
        row("a", 0, "real", 0.5), row("a", 0, "tgvig", 0.6),
        row("a", 1, "real", 0.5), row("a", 1, "tgvig", 0.8),
        row("a", 2, "tgvig", 0.0),
        row("a", 3, "real", 0.5), row("a", 3, "tgvig", 0.0, detector="cflow"),
        row("a", 4, "real", 0.5), row("a", 4, "tgvig", 0.0, error="Memory is short."),
    ]  # fmt: skip
    found = paired(rows, "tgvig", "real", "image_auroc")
    assert found.mean == pytest.approx(0.2) and (found.pairs, found.units) == (2, "seeds")
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.3))  # of two units: from one to the other
    assert paired(rows[:2], "tgvig", "real", "image_auroc") is None
    assert paired(rows, "tgvig", "augment", "image_auroc") is None


def test_of_several_categories_their_means_are_resampled():
    rows = []
    for category, gains in {"a": (0.0, 0.2), "b": (0.3,), "c": (0.2, 0.2)}.items():
        for seed, gain in enumerate(gains):
            rows += [row(category, seed, "real", 0.5), row(category, seed, "tgvig", 0.5 + gain)]
    found = paired(rows, "tgvig", "real", "image_auroc")
    assert found.mean == pytest.approx(0.2)  # of 0.1, 0.3 and 0.2, and not of the five pairs (0.18)
    assert (found.pairs, found.units) == (5, "categories")
    assert found == paired(rows, "tgvig", "real", "image_auroc")
    # All 27 resamples of three units: 1 in 27 has the mean 0.1, 3 in 27 have 0.4 / 3.
    assert found.low == pytest.approx(0.1) and found.high == pytest.approx(0.3)


def test_the_interval_is_the_plain_bootstraps():
    gains = np.random.default_rng(3).normal(0.02, 0.05, 30)
    rows = []
    for seed, gain in enumerate(gains):
        rows += [row("a", seed, "real", 0.5), row("a", seed, "tgvig", 0.5 + gain)]
    found = paired(rows, "tgvig", "real", "image_auroc")
    random = np.random.default_rng(9)
    means = [random.choice(gains, 30).mean() for _ in range(20000)]
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.001)
    reverse = paired(rows, "real", "tgvig", "image_auroc")
    assert reverse.mean == pytest.approx(-found.mean)


def test_equal_differences_have_an_interval_of_no_width():
    rows = [row("a", seed, arm, level) for seed in range(3) for arm, level in (("real", 0.5), ("tgvig", 0.75))]
    found = paired(rows, "tgvig", "real", "image_auroc")
    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)
