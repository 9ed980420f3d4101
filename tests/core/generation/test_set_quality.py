"""Quality figures against values worked out by hand and against another implementation."""

import math

import pytest
import torch
from small import photo_tensor, seeded

from tgvig_core.generation.set_quality import SAME, inception_score, nearest_normals, psnr, quality, ssim
from tgvig_core.photos.views import ViewPolicy, views


def test_psnr_of_a_known_offset():
    grey = torch.zeros(2, 3, 8, 8)
    shifted = torch.stack([grey[0] + 0.2, grey[1] - 0.02])
    assert psnr(shifted, grey).tolist() == pytest.approx([20.0, 40.0], abs=1e-3)  # 10·log10(4 / 0.04), …(4 / 0.0004)
    assert psnr(grey, grey).tolist() == [SAME, SAME]


def test_inception_score_by_hand():
    sure = torch.eye(4)  # four images, four classes, no doubt: the score is the number of classes
    assert inception_score(sure) == pytest.approx(4.0)
    assert inception_score(torch.full((3, 5), 0.2)) == pytest.approx(1.0)
    half = torch.tensor([[1.0, 0.0], [0.5, 0.5]])  # p(y) = (3/4, 1/4)
    kl = math.log(4 / 3), 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert inception_score(half) == pytest.approx(math.exp(sum(kl) / 2), rel=1e-6)


def test_the_nearest_photo_is_found():
    normals = photo_tensor("bottle", 3, 64)
    assert nearest_normals(normals[[2, 0, 1, 2]] + 0.01, normals).tolist() == [2, 0, 1, 2]


def test_equal_images_are_perfect_and_a_blur_is_worse_in_every_figure():
    photo = photo_tensor("bottle", 1, 128)
    same = quality(photo.repeat(2, 1, 1, 1), photo)
    assert same.ssim == pytest.approx(1.0, abs=1e-4) and same.psnr == SAME
    assert same.perceptual == pytest.approx(0.0, abs=1e-6) and same.diversity == pytest.approx(0.0, abs=1e-6)
    lit = views(photo[0], 2, ViewPolicy(degrees=0.0, shift=0.0), seeded())
    smooth = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(lit, (4, 4, 4, 4), "reflect"), 9, 1)
    sharp, soft = quality(lit, photo), quality(smooth, photo)
    assert soft.ssim < sharp.ssim < 1 and soft.psnr < sharp.psnr < SAME and soft.perceptual > sharp.perceptual > 0
    assert sharp.diversity > 0


def test_ssim_of_flat_images_by_hand():
    half, lighter = torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.2)  # 0.5 and 0.6 in [0, 1]
    wanted = (2 * 0.5 * 0.6 + 0.01**2) / (0.5**2 + 0.6**2 + 0.01**2)  # no variance: the luminance term alone
    assert ssim(lighter, half) == pytest.approx(wanted, abs=1e-4)
    assert ssim(half, half) == pytest.approx(1.0, abs=1e-4)
