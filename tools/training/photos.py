"""Photos for training: decoded once, kept in memory as bytes, served as random crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

SHORTER_SIDE = 288
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


def load_photos(folder: Path, hold_out: int = 31) -> tuple[list[Tensor], list[Tensor]]:
    """Photos of a folder as 3×H×W uint8 (shorter side 288 px) for training, and every `hold_out`-th one at 256×256.

    Raises:
        SystemExit: the folder holds no photo.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SystemExit(f"No photos in {folder}: give a folder with {', '.join(sorted(SUFFIXES))} files.")
    train, held = [], []
    for place, file in enumerate(files):
        photo = Image.open(file).convert("RGB")
        if place % hold_out == 0:
            side = min(photo.size)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            square = photo.crop((left, top, left + side, top + side)).resize((256, 256), Image.Resampling.BICUBIC)
            held.append(as_tensor(square))
        else:
            scale = SHORTER_SIDE / min(photo.size)
            size = (round(photo.width * scale), round(photo.height * scale))
            train.append(as_tensor(photo.resize(size, Image.Resampling.BICUBIC)))
    return train, held


def as_tensor(photo: Image.Image) -> Tensor:
    """3×H×W uint8."""
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()


class Crops:
    """Random square crops at random scale (from the crop itself up to twice its side), mirrored half the time."""

    def __init__(self, photos: list[Tensor], size: int) -> None:
        self.photos, self.size = photos, size

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """count×3×S×S in [-1, 1]."""
        return torch.stack([self.one(generator) for _ in range(count)]).div_(127.5).sub_(1)

    def one(self, generator: torch.Generator) -> Tensor:
        """3×S×S in [0, 255]."""
        draw = torch.rand(4, generator=generator).tolist()
        photo = self.photos[int(torch.randint(len(self.photos), (1,), generator=generator))]
        side = round(self.size * (1 + draw[0]))
        top, left = int(draw[1] * (photo.shape[1] - side)), int(draw[2] * (photo.shape[2] - side))
        crop = photo[None, :, top : top + side, left : left + side].float()
        crop = F.interpolate(crop, size=(self.size, self.size), mode="bilinear", antialias=True, align_corners=False)[0]
        return crop.flip(-1) if draw[3] < 0.5 else crop
