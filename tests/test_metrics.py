"""Figures on raw scores, against values worked out by hand and by scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from tgvig_core.metrics import image_metrics, pixel_metrics


def test_image_figures_by_hand():
    found = image_metrics([1, 2, 3, 4, 40], [False, False, True, False, True], threshold=3.5)
    assert found["image_auroc"] == pytest.approx(5 / 6)  # of 2 × 3 pairs one is the wrong way round
    assert found["f1_max"] == pytest.approx(0.8)  # from 3 on: 2 of 3 right, all found
    assert found["false_alarm"] == pytest.approx(1 / 3)
    assert found["miss"] == pytest.approx(1 / 2)


def test_raw_scores_are_not_clamped():
    assert image_metrics([100, 200, 300, 400], [False, False, True, True], 250)["image_auroc"] == 1.0


def test_one_kind_alone_gives_only_its_own_rate():
    good = image_metrics([1, 2, 3, 9], [False] * 4, threshold=3.5)
    assert good == {"image_auroc": None, "f1_max": None, "false_alarm": 0.25, "miss": None}
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
    assert pixel_metrics(torch.rand(2, 8, 8), torch.zeros(2, 8, 8, dtype=torch.bool)) == {
        "pixel_auroc": None,
        "pro": None,
    }
