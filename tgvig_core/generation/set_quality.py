"""Quality of a generated set as in Table 2 of TGVIG (CVPR 2024): IS, SSIM, PSNR and a perceptual distance, and diversity.

The paper's IS needs Inception v3 and its LPIPS needs VGG, which no package registry carries. Here EfficientNet-Lite0
stands for both (`perceptual.py`): figures compare prompts and sets with each other, not with published tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.models.encoders.conse import CONSE_SIZE, IMAGENET_MEAN, IMAGENET_STD
from tgvig_core.models.perceptual import PerceptualDistance

SAME = 100.0
"""PSNR in dB that stands for equal images: infinity is no JSON."""
BATCH = 4


@dataclass(frozen=True)
class Quality:
    """Means over a set.

    Attributes:
        inception_score: 1 (all alike, or the classifier sees nothing) to 1000, larger is more varied.
        ssim: to the nearest normal photo, up to 1 for equal images.
        psnr: to the nearest normal photo, dB.
        perceptual: distance to the nearest normal photo, 0 for equal images.
        diversity: perceptual distance of each image to the next one; 0 where there is only one.
    """

    inception_score: float
    ssim: float
    psnr: float
    perceptual: float
    diversity: float


@torch.inference_mode()
def quality(images: Tensor, normals: Tensor) -> Quality:
    """Measure a set.

    Args:
        images: I⁺, M×3×S×S in [-1, 1].
        normals: I°, n×3×S×S in [-1, 1].
    """
    nearest = normals[nearest_normals(images, normals)]
    distance = PerceptualDistance()
    return Quality(
        inception_score(class_probabilities(images)),
        ssim(images, nearest),
        float(psnr(images, nearest).mean()),
        _mean_distance(distance, images, nearest),
        _mean_distance(distance, images, images.roll(-1, 0)),
    )


def nearest_normals(images: Tensor, normals: Tensor) -> Tensor:
    """Index of the normal with the smallest mean squared error at a quarter of the size, M values."""
    small, good = (F.avg_pool2d(part, 4).flatten(1) for part in (images, normals))
    return torch.cdist(small, good).argmin(1)


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """10·log10(2² / MSE) of every image in dB, M values: the range [-1, 1] is 2 wide."""
    error = (images - targets).square().flatten(1).mean(1)
    return (10 * torch.log10(4 / error.clamp_min(1e-20))).clamp_max(SAME)


def ssim(images: Tensor, targets: Tensor) -> float:
    """Mean structural similarity (Wang et al. 2004) on values in [0, 1], as is usual: it changes with the zero point."""
    found = structural_similarity_index_measure(images * 0.5 + 0.5, targets * 0.5 + 0.5, data_range=1.0)
    assert isinstance(found, Tensor)  # a pair only where the similarity's picture is asked for
    return float(found)


def inception_score(probabilities: Tensor) -> float:
    """exp(mean of KL(p(y|I_m) ‖ p(y))), Salimans et al. 2016, eq. in section 4.

    Args:
        probabilities: p(y|I_m), M×K, rows that sum to 1.
    """
    mean = probabilities.mean(0, keepdim=True)
    apart = torch.special.xlogy(probabilities, probabilities) - torch.special.xlogy(probabilities, mean)
    return float(apart.sum(1).mean().exp())


def class_probabilities(images: Tensor) -> Tensor:
    """EfficientNet-Lite0's p(y|I), M×1000."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    small = F.interpolate(images * 0.5 + 0.5, size=(CONSE_SIZE, CONSE_SIZE), mode="bicubic", antialias=True).clamp(0, 1)
    classifier = load_efficientnet_lite0()
    return torch.cat([classifier(part).softmax(1) for part in ((small - mean) / std).split(BATCH)])


def _mean_distance(distance: PerceptualDistance, images: Tensor, targets: Tensor) -> float:
    pairs = zip(images.split(BATCH), targets.split(BATCH), strict=True)
    return float(torch.cat([distance(part, target) for part, target in pairs]).mean())
