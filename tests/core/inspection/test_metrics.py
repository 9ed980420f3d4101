"""Figures on raw scores, against values worked out by hand and by scikit-learn."""

import numpy as np
import pytest
import torch
from anomalib.metrics.f1_score import _F1Max
from scipy import ndimage
from sklearn.metrics import auc, average_precision_score, f1_score, roc_auc_score
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from tgvig_core.inspection.metrics import image_metrics, pixel_metrics

pytestmark = pytest.mark.quick


def test_image_figures_by_hand():
    found = image_metrics([1, 2, 3, 4, 40], [False, False, True, False, True], threshold=3.5)
    assert found["image_auroc"] == pytest.approx(5 / 6)  # of 2 × 3 pairs one is the wrong way round
    assert found["image_ap"] == pytest.approx(5 / 6)  # the first found of 1, the second of 3: (1/1 + 2/3) / 2
    assert found["f1_max"] == pytest.approx(0.8)  # from 3 on: 2 of 3 right, all found
    assert found["false_alarm"] == pytest.approx(1 / 3)
    assert found["miss"] == pytest.approx(1 / 2)


def test_raw_scores_are_not_clamped():
    assert image_metrics([100, 200, 300, 400], [False, False, True, True], 250)["image_auroc"] == 1.0


def test_one_kind_alone_gives_only_its_own_rate():
    good = image_metrics([1, 2, 3, 9], [False] * 4, threshold=3.5)
    assert good == {"image_auroc": None, "image_ap": None, "f1_max": None, "false_alarm": 0.25, "miss": None}
    bad = image_metrics([1, 9], [True] * 2, threshold=3.5)
    assert bad["false_alarm"] is None and bad["miss"] == 0.5


def test_pixel_figures_of_a_perfect_and_a_random_map():
    masks = torch.zeros(4, 32, 32, dtype=torch.bool)
    masks[:2, 8:14, 8:14] = True
    perfect = pixel_metrics(masks.float() * 5 + torch.rand(4, 32, 32) * 0.1, masks)
    assert perfect["pixel_auroc"] == pytest.approx(1.0)
    assert perfect["pro"] == pytest.approx(1.0, abs=0.01)
    noise = torch.from_numpy(np.random.default_rng(0).random((4, 32, 32))).float()
    found = pixel_metrics(noise, masks)
    assert found["pixel_auroc"] == pytest.approx(roc_auc_score(masks.flatten(), noise.flatten()))
    assert found["pro"] == pytest.approx(0.15, abs=0.08)  # chance: half of the 30 %


def test_pro_counts_small_regions_as_much_as_large_ones():
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, 2:34, 2:34] = True  # large, found
    masks[0, 50:54, 50:54] = True  # small, missed
    maps = torch.rand(1, 64, 64) * 0.1
    maps[0, 2:34, 2:34] += 1
    maps[0, 50:54, 50:54] = -1  # below all good pixels
    found = pixel_metrics(maps, masks)
    assert found["pro"] == pytest.approx(0.5, abs=0.05)
    assert found["pixel_auroc"] > 0.95


def test_no_masks_give_no_pixel_figures():
    found = pixel_metrics(torch.rand(2, 8, 8), torch.zeros(2, 8, 8, dtype=torch.bool))
    assert found == {"pixel_auroc": None, "pixel_ap": None, "pro": None}


def made_up(seed: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random scores, higher by one where the random truth is true; a few are equal."""
    random = np.random.default_rng(seed)
    truth = random.random(shape) < 0.3
    return torch.from_numpy((random.normal(size=shape) + truth).round(2)).float(), torch.from_numpy(truth)


@pytest.mark.parametrize("seed", range(3))
def test_image_figures_as_scikit_learn_torchmetrics_and_anomalib_have_them(seed):
    scores, truth = made_up(seed, 80)
    found = image_metrics(scores.tolist(), truth.tolist(), 0.5)
    assert found["image_auroc"] == pytest.approx(roc_auc_score(truth, scores))
    assert found["image_auroc"] == pytest.approx(binary_auroc(scores, truth.long()).item(), abs=1e-5)
    assert found["image_ap"] == pytest.approx(average_precision_score(truth, scores))
    assert found["image_ap"] == pytest.approx(binary_average_precision(scores, truth.long()).item(), abs=1e-5)
    best = max(f1_score(truth, scores >= limit) for limit in scores.unique())
    assert found["f1_max"] == pytest.approx(best)
    theirs = _F1Max()
    theirs.update(scores, truth.long())
    assert found["f1_max"] == pytest.approx(theirs.compute().item(), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_pixel_figures_as_scikit_learn_and_torchmetrics_have_them(seed):
    maps, masks = made_up(seed, 3, 24, 24)
    found = pixel_metrics(maps, masks)
    assert found["pixel_auroc"] == pytest.approx(roc_auc_score(masks.flatten(), maps.flatten()))
    assert found["pixel_auroc"] == pytest.approx(binary_auroc(maps, masks.long()).item(), abs=1e-5)
    assert found["pixel_ap"] == pytest.approx(average_precision_score(masks.flatten(), maps.flatten()))
    assert found["pixel_ap"] == pytest.approx(binary_average_precision(maps, masks.long()).item(), abs=1e-5)


def overlap_by_hand(maps: np.ndarray, masks: np.ndarray) -> float:
    """PRO as its authors define it, threshold by threshold."""
    regions = [labels == one for labels, count in map(ndimage.label, masks) for one in range(1, count + 1)]
    homes = [place for place, (_, count) in enumerate(map(ndimage.label, masks)) for _ in range(count)]
    alarms, overlaps = [0.0], [0.0]
    for limit in np.unique(maps)[::-1]:
        flagged = maps >= limit
        alarms.append(flagged[~masks].mean())
        overlaps.append(np.mean([flagged[home][region].mean() for home, region in zip(homes, regions, strict=True)]))
    grid = np.union1d([a for a in alarms if a < 0.3], [0.3])
    return auc(grid, np.interp(grid, alarms, overlaps)) / 0.3


def test_pro_as_its_definition_has_it():
    masks = torch.zeros(3, 24, 24, dtype=torch.bool)
    masks[0, 2:8, 3:9] = masks[0, 14:16, 14:20] = masks[1, 10:22, 4:7] = True
    maps = torch.from_numpy(np.random.default_rng(5).normal(size=(3, 24, 24))).float() + masks
    expected = overlap_by_hand(maps.numpy(), masks.numpy())
    assert 0.2 < expected < 0.9
    assert pixel_metrics(maps, masks)["pro"] == pytest.approx(expected, abs=0.005)
