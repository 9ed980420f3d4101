"""Perceptual distance on frozen classifier features, after LPIPS (Zhang et al., CVPR 2018, arXiv 1801.03924).

LPIPS proper needs VGG or AlexNet weights and its learned channel weights, which no package registry carries. This one
takes the same form, unit-normalised features compared position by position, on EfficientNet-Lite0 and without learned
channel weights. Numbers are comparable among themselves, not with published LPIPS figures.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.models.ops.fused_batch_norm import folded


class PerceptualDistance(nn.Module):
    """Mean squared difference of unit-normalised EfficientNet-Lite0 features after stages 0, 1 and 2 (stride 2 to 8)."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        network = folded(load_efficientnet_lite0())
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.stages = nn.ModuleList(list(network.blocks[:3]))
        self.register_buffer("mean", torch.tensor(IMAGENET_DEFAULT_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_DEFAULT_STD).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def features(self, images: Tensor) -> list[Tensor]:
        """Unit-normalised feature maps of B×3×H×W images in [-1, 1], finest first."""
        images = images.contiguous(memory_format=torch.channels_last)  # twice as fast forwards on a CPU
        hidden = self.stem((images * 0.5 + 0.5 - self.mean) / self.std)
        maps = []
        for stage in self.stages:
            hidden = stage(hidden)
            maps.append(hidden / (hidden.square().sum(1, keepdim=True) + 1e-6).sqrt())
        return maps

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Distance of every image to its target, B values ≥ 0 (0 for equal images)."""
        with torch.no_grad():
            wanted = self.features(targets)
        pairs = zip(self.features(images), wanted, strict=True)
        return reduce(add, ((a - b).square().sum(1).mean((1, 2)) for a, b in pairs))
