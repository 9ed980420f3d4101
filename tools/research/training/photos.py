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
    """Random square crops at random scale, mirrored half the time, some of them paler, darker or grey.

    Photos of parts have few colours, little contrast and wide even areas, which photos of animals and streets seldom
    have; GroupNorm divides by the contrast of the whole image, so a model has to see all degrees of it.
    """

    def __init__(self, photos: list[Tensor], size: int) -> None:
        self.photos, self.size = photos, size

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """count×3×S×S in [-1, 1]."""
        return torch.stack([self.one(generator) for _ in range(count)])

    def one(self, generator: torch.Generator) -> Tensor:
        """3×S×S in [-1, 1]: a square of the crop's side to 1.5 times that (as far as the photo goes), toned."""
        draw = torch.rand(8, generator=generator).tolist()
        photo = self.photos[int(draw[0] * len(self.photos))]
        side = min(round(self.size * (1 + 0.5 * draw[1])), *photo.shape[1:])
        top, left = int(draw[2] * (photo.shape[1] - side)), int(draw[3] * (photo.shape[2] - side))
        crop = photo[None, :, top : top + side, left : left + side].float().div_(127.5).sub_(1)
        crop = F.interpolate(crop, size=(self.size, self.size), mode="bilinear", antialias=True, align_corners=False)[0]
        crop = crop.flip(-1) if draw[4] < 0.5 else crop
        return toned(crop, grey=draw[5] < 0.15, contrast=0.3 + 0.7 * draw[6], shift=draw[7]) if draw[5] < 0.4 else crop


def toned(image: Tensor, grey: bool, contrast: float, shift: float) -> Tensor:
    """An image of less contrast, moved within what that leaves free of [-1, 1].

    Args:
        image: 3×H×W in [-1, 1].
        contrast: factor in (0, 1].
        shift: 0 is as dark, 1 as light as [-1, 1] allows.
    """
    if grey:
        image = image.mean(0, keepdim=True).expand(3, -1, -1)
    return image * contrast + (1 - contrast) * (2 * shift - 1)
