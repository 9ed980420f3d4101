"""The threshold, its interval and the lift: numbers worked out by hand, and which photos are compared with which."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from tgvig_core import single_photo
from tgvig_core.augment import ViewPolicy
from tgvig_core.calibration import calibrate, conformal_threshold, lift, rate_interval
from tgvig_core.detectors import ScoreSet
from tgvig_core.errors import TgvigError
from tgvig_core.single_photo import BETWEEN, MEAN, PARTS, WITHIN, factor


class Spy:
    """A detector that scores an image by its mean brightness and notes what it was asked."""

    def __init__(self, weight: float = 1.0):
        self.asked, self.weight = [], weight

    def score(self, images, leave_out=None):
        self.asked.append((len(images), leave_out))
        level = images.mean((1, 2, 3)) * self.weight
        return ScoreSet(level, level[:, None, None].expand(-1, 4, 4))


def normals(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(count)) * 2 - 1


@pytest.mark.parametrize(
    ("count", "rate", "rank"),
    [(19, 0.05, 19), (20, 0.05, 20), (39, 0.05, 38), (99, 0.1, 90), (4, 0.05, 4), (9, 0.5, 5)],
)
def test_the_threshold_is_the_conformal_order_statistic(count, rate, rank):
    scores = torch.randperm(count, generator=torch.Generator().manual_seed(0)).float() + 1
    assert conformal_threshold(scores, rate) == rank


def test_the_threshold_keeps_its_promise_on_exchangeable_scores():
    draws = np.random.default_rng(0)
    rates = []
    for _ in range(400):
        held, fresh = draws.normal(size=39), draws.normal(size=500)
        rates.append((fresh > conformal_threshold(torch.from_numpy(held), 0.05)).mean())
    assert 0.04 < np.mean(rates) < 0.06


def test_the_interval_of_nineteen_photos_is_that_of_beta_1_19():
    low, high = rate_interval(19, 0.05)  # Beta(1, 19): F(x) = 1 − (1 − x)^19
    assert low == pytest.approx(1 - 0.95 ** (1 / 19))
    assert high == pytest.approx(1 - 0.05 ** (1 / 19))


def test_each_of_several_photos_is_scored_against_the_others():
    spy = Spy()
    found = calibrate(spy, Spy(), normals(3), ViewPolicy(), seed=1)
    assert spy.asked == [(8, 0), (8, 1), (8, 2)]  # the photo itself and 7 views of it
    assert (found.photos, found.false_alarm) == (3, 0.05)


def test_a_single_photo_is_never_scored_itself_and_the_words_call_it_a_guess():
    detector, alone = Spy(), Spy()
    found = calibrate(detector, alone, normals(1) + 1, ViewPolicy(), seed=1)
    assert (detector.asked, alone.asked) == ([], [(20, None)])
    assert "guess" in found.words and "5%" in found.words


def test_with_a_single_photo_other_parts_say_how_much_higher_another_photo_scores():
    light = torch.full((1, 3, 32, 32), 0.5)  # its views score 0.5, more or less
    found = {rate: calibrate(Spy(), Spy(), light, ViewPolicy(light=0), rate) for rate in (0.01, 0.05, 0.2)}
    for rate, one in found.items():
        assert one.threshold == pytest.approx(0.5 * factor(rate), rel=1e-3) == pytest.approx(one.pixel_threshold)
    assert found[0.01].threshold > found[0.05].threshold > found[0.2].threshold > 0.5
    assert factor(0.5) == pytest.approx(math.exp(MEAN))


def test_with_a_single_photo_mirrored_and_turned_parts_leave_the_threshold_as_it_is():
    half = torch.zeros(1, 3, 32, 32)
    half[..., :16] = 1  # a Spy that looks at the left half tells mirrored views from others

    class Left(Spy):
        def score(self, images, leave_out=None):
            return super().score(images[..., :16], leave_out)

    found = [calibrate(Left(), Left(), half, ViewPolicy(flips=way, turns=way)) for way in (False, True)]
    assert found[0] == found[1]


def test_the_interval_of_a_single_photo_is_wide_and_holds_the_wished_rate():
    draws = np.random.default_rng(0)
    for rate in (0.01, 0.05, 0.1):
        low, high = single_photo.rate_interval(rate)
        assert low < rate < high and high > 4 * rate
        parts = MEAN + BETWEEN * draws.standard_t(PARTS - 1, 4000)
        rates = norm.sf((math.log(factor(rate)) - parts) / WITHIN)
        assert np.mean((rates >= low) & (rates <= high)) == pytest.approx(0.9, abs=0.02)


def test_calibration_repeats_by_seed():
    first, again, other = (calibrate(Spy(), Spy(), normals(2), ViewPolicy(), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.threshold != other.threshold


@pytest.mark.parametrize("rate", [0, 1, -0.1, 5])
def test_a_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(TgvigError, match="false-alarm rate"):
        calibrate(Spy(), Spy(), normals(1), ViewPolicy(), rate)


def test_lift_is_the_difference_of_the_two_aurocs():
    blind, seeing = Spy(0.0), Spy(1.0)
    found = lift(blind, seeing, normals(2), ViewPolicy(), seed=0)
    assert found.real == 0.5  # all scores equal
    assert found.difference == found.tgvig - found.real
    assert blind.asked == seeing.asked == [(24, None)]
