"""The advice: figures worked out by hand, what is compared with what, and detectors of real photos."""

import json

import numpy as np
import pytest
import torch
from paths import ROOT
from photos import normals
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from tgvig_core.detectors.base import ScoreSet
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.diagnosis import results
from tgvig_core.diagnosis.pool_comparison import Scores, advise, compare, held_out, lift, scored
from tgvig_core.diagnosis.words import COMPARED, RIGHT, advice_json, of_advice, of_lift
from tgvig_core.fitting.training_sets import REAL, TrainingSet
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy
from tools.research import measure_advice


class Spy:
    """A detector that scores an image by its mean brightness and notes what it was asked."""

    def __init__(self, weight: float = 1.0):
        self.asked, self.weight = [], weight

    def score(self, images, exclude_group=None):
        self.asked.append((len(images), exclude_group))
        level = images.mean((1, 2, 3)) * self.weight
        return ScoreSet(level, level[:, None, None].expand(-1, 4, 4))


def noise(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(count)) * 2 - 1


def scores(good: list, weak: list, strong: list) -> Scores:
    """Of one photo's views, with defects of two strengths."""
    return Scores(np.array([good], float), np.stack([[weak], [strong]], -1).astype(float))


TGVIG, AUGMENT = TrainingSet("tgvig"), TrainingSet("augment")
ALONE = scores([1, 2, 3, 4], [2, 3, 4, 5], [5, 6, 7, 8])


def test_the_auroc_is_the_mean_over_the_strengths():
    """Weak: of 16 pairs 10 are in order and 3 tied, 11.5 / 16; strong: all in order."""
    found = compare({REAL: ALONE})
    assert found.compared[0].auroc == pytest.approx((11.5 / 16 + 1) / 2)
    for strength, expected in ((0, 11.5 / 16), (1, 1.0)):
        values = np.concatenate([ALONE.good.ravel(), ALONE.spoiled[..., strength].ravel()])
        assert roc_auc_score([0] * 4 + [1] * 4, values) == expected
    assert (found.recommended, found.differs) == (REAL, False)


def test_a_pool_that_tells_all_apart_is_recommended():
    perfect = scores([1, 1, 1, 1], [9, 9, 9, 9], [9, 9, 9, 9])
    found = compare({TGVIG: perfect, REAL: ALONE})
    alone, other = found.compared
    assert (alone.training_set, alone.difference, alone.low, alone.high, alone.sure) == (REAL, 0, 0, 0, False)
    assert other.difference == pytest.approx(1 - (11.5 / 16 + 1) / 2)
    assert 0 < other.low <= other.difference <= other.high and other.sure
    assert found.recommended == TGVIG and found.differs
    assert of_advice(found).startswith("Learn from the photos and generated images.")
    assert f"right in {RIGHT} of {COMPARED}" in of_advice(found)
    assert "on 4 held-out good images" in of_advice(found)


def test_of_two_better_pools_the_best_and_of_worse_ones_none():
    better, blind = scores([1, 1, 1, 2], [9, 9, 9, 9], [9, 9, 9, 9]), scores([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1])
    middling = scores([1, 2, 3, 4], [3.5, 4.5, 5.5, 6.5], [5, 6, 7, 8])
    assert compare({REAL: ALONE, AUGMENT: middling, TGVIG: better}).recommended == TGVIG
    worse = compare({REAL: ALONE, TGVIG: blind})
    assert worse.compared[1].auroc == 0.5 and worse.compared[1].sure and worse.compared[1].high < 0
    assert worse.recommended == REAL and worse.differs and "some of it is worse" in of_advice(worse)


def test_a_small_difference_is_none_however_sure(monkeypatch):
    perfect = scores([1, 1, 1, 1], [9, 9, 9, 9], [9, 9, 9, 9])
    monkeypatch.setattr(results, "LEAST", 0.2)
    found = compare({REAL: ALONE, TGVIG: perfect})
    assert found.compared[1].low > 0 and not found.compared[1].sure
    assert found.recommended == REAL and "No difference could be shown" in of_advice(found)


def test_the_interval_is_that_of_a_bootstrap_in_plain_loops():
    draws = np.random.default_rng(5)
    both = [Scores(draws.normal(size=(3, 4)), draws.normal(1, 1, size=(3, 4, 2))) for _ in range(2)]
    found = compare({REAL: both[0], TGVIG: both[1]}, seed=1).compared[1]
    drawn = []
    for _ in range(1000):
        places = [(photo, view) for photo in draws.integers(3, size=3) for view in draws.integers(4, size=4)]
        at = tuple(np.array(places).T)
        aurocs = [[mannwhitneyu(one.spoiled[at][:, k], one.good[at])[0] / 144 for k in (0, 1)] for one in both]
        drawn.append(np.mean(aurocs[1]) - np.mean(aurocs[0]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])), abs=0.02)
    assert compare({REAL: both[0], TGVIG: both[1]}, seed=1).compared[1] == found


def test_several_photos_are_held_out_themselves_with_all_that_comes_from_them():
    photos, spy = noise(3), Spy()
    held = held_out(photos, ViewPolicy())
    assert held.good.shape == (3, 4, 3, 64, 64) and held.spoiled.shape == (3, 4, 2, 3, 64, 64)
    assert torch.equal(held.good[:, 0], photos)
    found = scored(spy, held)
    assert spy.asked == [(12, 0), (12, 1), (12, 2)]
    np.testing.assert_allclose(found.good, held.good.mean((2, 3, 4)), atol=1e-6)
    np.testing.assert_allclose(found.spoiled, held.spoiled.mean((3, 4, 5)), atol=1e-6)


def test_of_a_single_photo_only_views_are_scored():
    photo, spy = noise(1), Spy()
    held = held_out(photo, ViewPolicy())
    assert all(not torch.equal(view, photo[0]) for view in held.good[0])
    scored(spy, held)
    assert spy.asked == [(36, None)]


def test_a_stronger_defect_lies_where_the_weaker_one_does():
    held = held_out(noise(2), ViewPolicy())
    changed = (held.spoiled - held.good.unsqueeze(2)).abs().amax(3) > 0
    weak, strong = changed[:, :, 0], changed[:, :, 1]
    assert weak.any((2, 3)).all() and not (weak & ~strong).any()


def test_lift_is_the_difference_of_the_two_aurocs():
    found = lift(Spy(0.0), Spy(), TGVIG, noise(2), ViewPolicy())
    assert found.real == 0.5  # all scores equal
    assert found.difference == pytest.approx(found.tgvig - found.real) and found.low <= found.difference <= found.high
    assert found.images == 36
    same = lift(Spy(), Spy(), REAL, noise(2), ViewPolicy())
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_the_words_of_a_lift_are_those_of_an_advice_of_two_and_a_file_holds_numbers_and_words():
    photos, two = noise(2), {REAL: Spy(0.0), TGVIG: Spy()}
    advice = advise(two, photos, ViewPolicy())
    assert of_lift(lift(two[REAL], two[TGVIG], TGVIG, photos, ViewPolicy()), TGVIG) == of_advice(advice)
    held = advice_json(advice)
    assert list(held) == ["arms", "recommended", "differs", "images", "words"] and held["words"] == of_advice(advice)
    assert list(held["arms"][1]) == ["arm", "auroc", "difference", "low", "high", "sure"]
    assert json.loads(json.dumps(held)) == held and held["arms"][1]["arm"] == "tgvig"


def test_a_detector_that_remembers_defects_is_found_out_on_real_photos():
    """Taught the very defects as good, a detector of three bottles tells them from good photos worse."""
    photos = read_normals(normals("bottle", 3)).tensor(128)
    held = held_out(photos, ViewPolicy())
    pack, _ = registry.choose("embedded")
    detectors = {arm: PatchCore(registry.load_backbone(pack), 128) for arm in (REAL, TGVIG)}
    detectors[REAL].fit(photos, range(3))
    spoiled = held.spoiled.flatten(0, 2)
    detectors[TGVIG].fit(torch.cat([photos, spoiled]), (*range(3), *[3] * len(spoiled)))  # 3: never left out
    found = advise(detectors, photos, ViewPolicy())
    assert found.compared[0].auroc > 0.55
    assert found.compared[1].sure and found.compared[1].difference < 0 and found.recommended == REAL
    assert found == compare({arm: scored(detector, held) for arm, detector in detectors.items()})


def test_the_tables_of_the_measurement_count_signs_and_gains():
    """Two parts: the advice sees generated images ahead in both; on labelled photos they are so in one."""
    better = [[[8, 9], [9, 8]] * 2]

    def row(category: str, measured: float) -> dict:
        real = {"measured": 0.8, "good": ALONE.good.tolist(), "spoiled": ALONE.spoiled.tolist()}
        made = {"measured": measured, "good": [[1, 1, 1, 1.5]], "spoiled": better}
        return {"category": category, "shots": 1, "seed": 0, "arms": {"real": real, "tgvig": made},
                "good": 2.0, "distances": [1.0, 5.0]}  # fmt: skip

    text = measure_advice.tables([row("nut", 0.9), row("tile", 0.75)])
    assert "| nut | 1 | 0 | tgvig | +14.1 |" in text and "| +10.00 |" in text and "| -5.00 |" in text
    assert "| mean AUROC (the advice) | tgvig | 1 of 2 | 1 of 2 | – | – |" in text
    assert "| always tgvig | 2 | +2.50 |" in text and "| the advice | 2 | +2.50 |" in text
    assert "| nut | 1 | 0 | 2.0 | 1.0 to 5.0 | 0.50 to 2.50 | 1 of 2 | +10.00 |" in text


def test_what_the_words_say_of_themselves_is_what_was_measured():
    """A sign counts where the labelled AUROC differs by more than 0.1 points."""
    rows = (ROOT / "docs" / "advice.jsonl").read_text().splitlines()
    right = compared = 0
    for row in map(json.loads, rows):
        for one in compare(measure_advice.scores_of(row), row["seed"]).compared[1:]:
            gain = row["arms"][str(one.training_set)]["measured"] - row["arms"]["real"]["measured"]
            if abs(gain) > 0.001:
                compared += 1
                right += np.sign(gain) == np.sign(one.difference)
    assert len(rows) == 24 and (right, compared) == (RIGHT, COMPARED)


@pytest.mark.parametrize(("count", "scored_photos"), [(11, 11), (12, 12), (13, 7), (40, 10)])
def test_of_many_photos_some_are_held_out(count, scored_photos):
    photos = torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    held = held_out(photos, ViewPolicy())
    assert held.good.shape[0] == len(held.places) == scored_photos and held.good.shape[:2].numel() >= 12
    for place, found in zip(held.places, held.good, strict=True):
        assert torch.equal(found[0], photos[place])
