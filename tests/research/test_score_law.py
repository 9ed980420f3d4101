"""The law of good scores: numbers worked out by hand, and what it promises on scores drawn from it."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from paths import ROOT
from scipy.stats import norm, t

from tgvig_core.detectors import score_prior
from tgvig_core.detectors.score_prior import PARTS, PLAIN, UNIT, WITHIN_WEIGHT, of_photos, of_views
from tools.research.threshold_tables import LAWS, fit


@pytest.mark.parametrize("others", [PLAIN, UNIT])
def test_the_law_of_one_photo_rests_on_other_parts(others):
    law = of_views(torch.tensor([1.0, 3.0]), others)
    assert law.typical == pytest.approx(2 * math.exp(others.one_mean))
    spread = math.hypot(others.within, others.one_between)
    freedom = (PARTS - 1) * (spread / others.one_between) ** 4
    assert law.threshold(0.05) == pytest.approx(2 * math.exp(others.one_mean + t.ppf(0.95, freedom) * spread))


@pytest.mark.parametrize("others", [PLAIN, UNIT])
def test_the_law_of_several_photos_is_worked_out_by_hand(others):
    law = of_photos(torch.tensor([math.e, math.e**2, math.e**3]), 2, 3, others)
    assert law.mean == pytest.approx(2 - others.fall * (1 / 2 - 1 / 3))
    freedom = WITHIN_WEIGHT + 2
    spread = math.sqrt((WITHIN_WEIGHT * others.within**2 + 2) / freedom)  # squares of -1, 0, 1
    assert (law.spread, law.freedom) == (pytest.approx(spread), freedom)
    assert law.unsure == pytest.approx(math.hypot(spread / math.sqrt(3), others.between))
    above = t.ppf(0.9, freedom) * math.hypot(spread, law.unsure)
    assert law.threshold(0.1) == pytest.approx(math.exp(law.mean + above))


@pytest.mark.parametrize("count", [2, 5, 10])
def test_the_threshold_has_the_wished_rate_in_the_mean_and_the_interval_holds_nine_in_ten(count):
    draws = np.random.default_rng(count)
    for rate in (0.01, 0.05, 0.1):
        rates, inside = [], 0
        for _ in range(1000):
            spread = PLAIN.within * math.sqrt(WITHIN_WEIGHT / draws.chisquare(WITHIN_WEIGHT))  # the part's own
            mean = (
                3 + PLAIN.fall * (1 / (count - 1) - 1 / count) + PLAIN.between * spread / PLAIN.within * draws.normal()
            )
            law = of_photos(torch.from_numpy(np.exp(mean + spread * draws.normal(size=count))), count - 1, count)
            rates.append(norm.sf((math.log(law.threshold(rate)) - 3) / spread))
            low, high = law.rate_interval(rate)
            inside += low <= rates[-1] <= high
        assert np.mean(rates) == pytest.approx(rate, rel=0.25)
        assert 0.84 < inside / 1000 < 0.96


def test_photos_that_are_the_same_to_the_detector_still_give_a_number():
    for law in (of_views(torch.zeros(3)), of_photos(torch.zeros(3), 2, 3)):
        assert 0 < law.typical < law.threshold(0.05) < 1e-4


def test_the_interval_of_one_photo_is_wide():
    low, high = score_prior.of_views(torch.tensor([1.0])).rate_interval(0.05)
    assert low < 0.01 and high > 0.1


@pytest.mark.parametrize(("file", "detector"), [("thresholds", "patchcore"), ("thresholds_fine", "patchcore-fine")])
def test_the_numbers_are_those_fitted_to_the_measured_cells(file, detector):
    rows = [json.loads(line) for line in (ROOT / "docs" / f"{file}.jsonl").read_text().splitlines()]
    assert len(rows) == 80 and {row["detector"] for row in rows} == {detector}
    for name, value in asdict(fit(rows)).items():
        assert getattr(LAWS[detector], name) == pytest.approx(value, abs=6e-4), name
