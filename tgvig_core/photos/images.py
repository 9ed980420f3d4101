"""A person's photos as values: read once, refused in one sentence, framed the same way in training and inspection.

The frame is a square of S px into which the whole photo is stretched (bicubic with antialias, aspect ratio not kept),
as in the paper's setting of 256 px; heatmaps go back through `from_square` to the photo's own height and width.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tgvig_core.photos.inputs import expand_inputs
from tgvig_core.photos.reading import MAX_PIXELS, decode
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    import torch

__all__ = [
    "MAX_PIXELS",
    "MAX_TOTAL_PIXELS",
    "NormalSet",
    "Photo",
    "from_square",
    "read_normals",
    "read_photo",
    "save_png",
    "to_pixels",
    "to_square",
    "to_tensor",
]

MAX_TOTAL_PIXELS = 2_000_000_000
"""The most pixels a set of normals may hold together (6 GB as 8-bit RGB)."""


@dataclass(frozen=True)
class Photo:
    """One photo: its file, its upright pixels (H×W×3 uint8 RGB, read-only) and the sha256 of the file's bytes (hex)."""

    path: Path
    pixels: np.ndarray = field(compare=False, repr=False)
    sha256: str


@dataclass(frozen=True)
class NormalSet:
    """The photos of good parts, in the order given; at least one."""

    photos: tuple[Photo, ...]

    def tensor(self, size: int) -> torch.Tensor:
        """The photos in the frame of size px: N×3×size×size float32 in [-1, 1]."""
        import torch  # here and below: reading photos must not wait seconds for torch to load

        return torch.stack([to_tensor(to_square(photo.pixels, size)) for photo in self.photos])


def read_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read one PNG, JPEG, TIFF, BMP or WebP file by the rules of `photo_files`.

    Args:
        path: the file.
        max_pixels: the most pixels (width × height) that are decoded; a larger photo is refused from its header.

    Raises:
        TgvigError: the file cannot be used; the message names it and the remedy.
    """
    pixels, sha256 = decode(Path(path), max_pixels)
    return Photo(Path(path), pixels, sha256)


def read_normals(inputs: Sequence[str | Path], max_photos: int = 200) -> NormalSet:
    """Read the photos of good parts that files, folders and patterns stand for.

    Raises:
        TgvigError: there is none, there are more than max_photos (or over 2000 megapixels together), two hold exactly
            the same pixels, or one cannot be read.
    """
    paths = expand_inputs(inputs)
    if not paths:
        raise TgvigError("No photo was given; give at least one photo of a good part.")
    if len(paths) > max_photos:
        raise TgvigError(
            f"{len(paths)} photos were given ({paths[0]} to {paths[-1]}), more than {max_photos}; give fewer."
        )
    photos: list[Photo] = []
    seen: dict[tuple, Path] = {}
    total = 0
    for path in paths:
        photo = read_photo(path)
        key = (photo.pixels.shape, hashlib.sha256(photo.pixels.data).digest())
        if key in seen:
            raise TgvigError(f"{seen[key]} and {path} are the same photo, pixel for pixel; remove one of them.")
        seen[key] = path
        photos.append(photo)
        total += photo.pixels.shape[0] * photo.pixels.shape[1]
        if total > MAX_TOTAL_PIXELS:
            raise TgvigError(
                f"The photos up to {path} have over {MAX_TOTAL_PIXELS / 1e6:g} megapixels together, too many for "
                "memory; give fewer photos or scale them down."
            )
    return NormalSet(tuple(photos))


def to_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Stretch a whole photo into the frame: H×W×3 uint8 to size×size×3 uint8, bicubic with antialias."""
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))


def from_square(map: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bring a heatmap of the frame back to the photo's geometry: h×w float32 to height×width float32, bilinear.

    Both maps cover the same area, so a point at a share (y, x) of the frame is at that share of the photo. Values stay
    within the map's range; where the photo is smaller than the map, neighbours are averaged.
    """
    image = Image.fromarray(np.ascontiguousarray(map, dtype=np.float32))
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR))


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """H×W×3 uint8 to 3×H×W float32 in [-1, 1]: 0 becomes -1 and 255 becomes 1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / 127.5 - 1)


def to_pixels(tensor: torch.Tensor) -> np.ndarray:
    """3×H×W in [-1, 1], on any device, to H×W×3 uint8, clamped and rounded: the inverse of `to_tensor`."""
    image = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return image.permute(1, 2, 0).cpu().numpy().astype(np.uint8)


def save_png(pixels: np.ndarray, path: str | Path, compression: int = 6) -> None:
    """Write H×W×3 or H×W uint8 pixels as a PNG that is there whole or not at all.

    The folder must exist. An earlier file of that name stays until the new one is complete.

    Args:
        compression: zlib's level; 1 takes a quarter of the time of 6 for a file an eighth larger.

    Raises:
        TgvigError: the disk is full, or the folder is missing or may not be written to.
    """
    path = Path(path)
    try:
        with whole(path) as draft:
            Image.fromarray(pixels).save(draft, format="PNG", compress_level=compression)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise TgvigError(
                f"The disk is full: {path.name} does not fit into {path.parent}; free some space there."
            ) from error
        raise TgvigError(
            f"{path.name} cannot be written into {path.parent} ({error.strerror or error}); "
            "check that the folder exists and may be written to."
        ) from error
