"""The threshold and its interval: numbers worked out by hand, and which photos are compared with which."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from photos import category

from tgvig_core.detectors import score_prior
from tgvig_core.detectors.base import Detector, ScoreSet
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.fitting.calibration import HeldOut, calibrate, conformal_threshold, held_out, limits, rate_interval
from tgvig_core.fitting.pools import Pool, real
from tgvig_core.fitting.words import of_calibration
from tgvig_core.inspection.score_scale import shown
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.utils.errors import TgvigError


class Spy(Detector):
    """Scores an image by its mean brightness and notes what it, or a copy fitted anew, had learned from then."""

    prior = score_prior.PLAIN

    def __init__(self):
        super().__init__(None, 32)
        self.asked, self.learned = [], None

    def __deepcopy__(self, memo):
        other = type(self)()
        other.asked = self.asked
        return other

    def learn(self, images, groups, seed, ctx):
        self.learned = [round(float(value), 4) for value in images.mean((1, 2, 3))]

    def score(self, images, exclude_group=None):
        self.asked.append((len(images), self.learned))
        level = images.mean((1, 2, 3))
        return ScoreSet(level, level[:, None, None].expand(-1, 4, 4))

    def scoring(self, exclude_group=None):
        raise AssertionError

    state = restore = scoring


def plain(levels) -> torch.Tensor:
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 32, 32).clone()


def calibrated(normals: torch.Tensor, rate: float = 0.05, policy: ViewPolicy | None = None, seed: int = 0):
    return calibrate(Spy(), real(normals), Spy(), normals, policy or ViewPolicy(), rate, seed)


@pytest.mark.parametrize(
    ("count", "rate", "rank"),
    [(19, 0.05, 19), (20, 0.05, 20), (39, 0.05, 38), (99, 0.1, 90), (4, 0.05, 4), (9, 0.5, 5)],
)
def test_the_order_statistic_is_split_conformals(count, rate, rank):
    scores = torch.randperm(count, generator=torch.Generator().manual_seed(0)).float() + 1
    assert conformal_threshold(scores, rate) == rank


def test_the_order_statistic_keeps_its_promise_on_exchangeable_scores():
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


def test_each_of_several_photos_is_compared_with_a_bank_made_of_the_others():
    spy, normals = Spy(), plain([0.1, 0.2, 0.3])
    pool = Pool(torch.cat([normals, plain([0.5, 0.6])]), (0, 1, 2, 0, 2))  # two generated, of the first and the third
    found = held_out(spy, pool, Spy(), normals, ViewPolicy())
    assert spy.asked == [(1, [0.2, 0.3, 0.6]), (1, [0.1, 0.3, 0.5, 0.6]), (1, [0.1, 0.2, 0.5])]
    assert found.scores.tolist() == pytest.approx([0.1, 0.2, 0.3]) == found.peaks.tolist()
    assert (found.photos, found.remembered) == (3, 2)


@pytest.mark.parametrize(("count", "folds"), [(10, 10), (11, 5), (25, 5), (41, 1), (200, 1)])
def test_of_many_photos_a_fifth_is_left_out_at_a_time_or_once(count, folds):
    spy, normals = Spy(), plain([place / 1000 for place in range(count)])
    found = held_out(spy, real(normals), Spy(), normals, ViewPolicy())
    first = set(range(0, count, count if count == 10 else 5))
    assert len(spy.asked) == folds
    assert spy.asked[0] == (len(first), [round(place / 1000, 4) for place in range(count) if place not in first])
    expected = range(count) if folds > 1 else sorted(first)
    assert sorted(found.scores.tolist()) == pytest.approx([place / 1000 for place in expected])
    assert found.photos == count and found.remembered == pytest.approx(0.9 * count if count == 10 else 0.8 * count)


def test_the_law_gives_the_threshold_where_photos_are_few_and_the_order_statistic_where_they_are_many():
    few, many = (torch.linspace(1, 2, count) for count in (58, 59))  # (59 + 1) · 5 % = 3 photos above
    assert limits(HeldOut(few, few, 58, 57), 0.05).threshold == pytest.approx(
        score_prior.of_photos(few, 57, 58).threshold(0.05)
    )
    assert limits(HeldOut(many, many, 59, 58), 0.05).threshold == pytest.approx(float(many[56]))
    assert limits(HeldOut(many, many, 59, 58), 0.05).low == pytest.approx(rate_interval(59, 0.05)[0])


def test_a_single_photo_is_never_scored_itself_and_the_words_call_it_a_guess():
    detector, alone, normals = Spy(), Spy(), plain([0.5])
    found = calibrate(detector, real(normals), alone, normals, ViewPolicy(), seed=1)
    assert detector.asked == []
    assert alone.asked == [(4, None)] * 5
    assert "guess" in of_calibration(found) and "5%" in of_calibration(found)


def test_with_a_single_photo_other_parts_say_how_much_higher_another_photo_scores():
    found = {rate: calibrated(plain([0.5]), rate, ViewPolicy(light=0)) for rate in (0.01, 0.05, 0.2)}
    for rate, one in found.items():
        expected = score_prior.of_views(torch.tensor([0.5])).threshold(rate)
        assert one.threshold == pytest.approx(expected, rel=1e-3) == pytest.approx(one.pixel_threshold)
    assert found[0.01].threshold > found[0.05].threshold > found[0.2].threshold > 0.5
    assert found[0.05].typical == pytest.approx(0.5 * math.exp(score_prior.PLAIN.one_mean), rel=1e-3)


@pytest.mark.parametrize("levels", [[0.5], [0.4, 0.5, 0.45]])
def test_a_detector_brings_the_law_of_its_own_scores(levels):
    class Unit(Spy):
        prior = score_prior.UNIT

    normals = plain(levels)
    held = held_out(Unit(), real(normals), Unit(), normals, ViewPolicy())
    assert held.others == score_prior.UNIT != score_prior.PLAIN
    usual = replace(held, others=score_prior.PLAIN)
    assert limits(held, 0.05).threshold != pytest.approx(limits(usual, 0.05).threshold, rel=0.01)


def test_with_a_single_photo_mirrored_and_turned_parts_leave_the_threshold_as_it_is():
    half = torch.zeros(1, 3, 32, 32)
    half[..., :16] = 1  # a Spy that looks at the left half tells mirrored views from others

    class Left(Spy):
        def score(self, images, exclude_group=None):
            return super().score(images[..., :16], exclude_group)

    found = [
        calibrate(Left(), real(half), Left(), half, ViewPolicy(flips=way, turns=way)) for way in (False, True)
    ]  # fmt: skip
    assert found[0] == found[1]


def test_calibration_repeats_by_seed():
    first, again, other = (calibrated(plain([0.5]), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.threshold != other.threshold


@pytest.mark.parametrize("rate", [0, 1, -0.1, 5])
def test_a_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(TgvigError, match="false-alarm rate"):
        calibrated(plain([0.5]), rate)


def test_the_shown_score_is_a_half_at_the_threshold_and_a_twentieth_at_a_typical_good_part():
    found = calibrated(plain([0.4, 0.5, 0.45]))
    values = [shown(score, found.threshold, found.steepness) for score in (0, found.typical, found.threshold, 9)]
    assert values[:3] == pytest.approx([0, 0.05, 0.5])
    mirrored = found.threshold**2 / found.typical  # as far above, as a ratio
    assert shown(mirrored, found.threshold, found.steepness) == pytest.approx(0.95)
    assert sorted(values) == values and values[-1] <= 1


@pytest.mark.parametrize(
    ("score", "threshold", "expected"), [(0.0, 0.0, 0.0), (3.0, 0.0, 1.0), (1e-9, 2.0, 0.0), (1e9, 2.0, 1.0)]
)
def test_the_shown_score_stays_a_number_at_the_ends(score, threshold, expected):
    assert shown(score, threshold, 12.0) == pytest.approx(expected, abs=1e-6)


def test_photos_that_are_the_same_to_the_detector_still_give_a_threshold():
    zeros = torch.zeros(99)
    for count in (2, 99):
        found = limits(HeldOut(zeros[:count], zeros[:count], count, count - 1), 0.05)
        assert found.threshold > 0 and found.typical > 0 and math.isfinite(found.steepness)


def test_bottles_that_were_left_out_score_like_bottles_that_were_never_there():
    """Against a bank whose coreset was chosen with them, and their rows then taken out, they score higher."""
    files = sorted((category("bottle") / "train" / "good").iterdir())[:36]
    images = read_normals(files).tensor(128)
    normals, fresh = images[:6], images[6:]
    detector = PatchCore(EFFICIENTNET_LITE0, 128, PatchCoreSettings(coreset_least=200))
    pool = real(normals)
    detector.fit(pool.images, pool.groups)
    new = float(detector.score(fresh).scores.log().mean())
    held = float(held_out(detector, pool, detector, normals, ViewPolicy()).scores.log().mean())
    taken_out = torch.cat([detector.score(normals[at][None], exclude_group=at).scores for at in range(6)])
    assert abs(held - new) < 0.15
    assert float(taken_out.log().mean()) > held
