"""Weights files with random numbers under timm's names, photos with an obvious defect, and what is shown to detectors."""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from small import photo_tensor, seeded
from torch import Tensor

from tgvig_core.models.backbones import Backbone

DINO = "vit_small_patch14_reg4_dinov2.lvd142m"


def random_weights(name: str, folder: Path) -> Path:
    """NAME.safetensors in the folder, the same for the same name."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = timm.create_model(name, pretrained=False).state_dict()
    save_file({key: value.contiguous() for key, value in state.items()}, folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def random_resnet(folder: Path, name: str = "resnet18.tv_in1k") -> Backbone:
    return Backbone(name, ("layer2", "layer3"), random_weights(name, folder))


def bottles(size: int) -> tuple[Tensor, Tensor]:
    """Two good bottles to learn from, and a third one good and damaged, 2×3×size×size each in [-1, 1].

    The damage: black and white noise in the middle quarter of the sides.
    """
    photos = photo_tensor("bottle", 3, size)
    hurt, part = photos[2].clone(), slice(3 * size // 8, 5 * size // 8)
    hurt[:, part, part] = torch.randint(0, 2, (1, size // 4, size // 4), generator=seeded()) * 2.0 - 1
    return photos[:2], torch.stack([photos[2], hurt])


def share_within(maps: Tensor) -> float:
    """Of the hundredth of pixels by which the damaged photo became stranger the most, the share in or at the damage."""
    more, size = maps[1] - maps[0], maps.shape[-1]
    strangest = more >= more.flatten().quantile(0.99)
    around = slice(size // 4, 3 * size // 4)
    return float(strangest[around, around].sum() / strangest.sum())
