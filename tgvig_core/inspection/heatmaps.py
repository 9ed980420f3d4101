"""A map over its photo, at the photo's own size (matplotlib's inferno), and the name of its file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import matplotlib
import numpy as np

from tgvig_core.photos.images import from_square

BAND = 256
"""Rows of a photo that are coloured at once."""
LONGEST = 200
"""Bytes of a heatmap's name, without number and extension; most file systems take 255."""
COLOURS = (matplotlib.colormaps["inferno"](0.15 + 0.8 * np.linspace(0, 1, 256))[:, :3] * 255).astype(np.float32)
"""The map's colours from half the threshold to one and a half times."""


def heatmap(pixels: np.ndarray, map: np.ndarray, pixel_threshold: float) -> np.ndarray:
    """Lay a map over its photo: nothing below half the threshold, strongest from one and a half times on.

    Args:
        pixels: H×W×3 uint8. map: S×S raw values. pixel_threshold: raw.

    Returns:
        H×W×3 uint8, the photo's own size and geometry.
    """
    own = from_square(map, *pixels.shape[:2])
    laid = np.empty_like(pixels)
    for top in range(0, len(pixels), BAND):  # in bands: the colours of a 64-megapixel photo would take gigabytes
        band = slice(top, top + BAND)
        level = np.clip(own[band] / max(pixel_threshold, 1e-12) - 0.5, 0, 1)  # the threshold itself lands at 0.5
        colour = COLOURS[(level * 255).round().astype(np.uint8)]
        opacity = 0.75 * np.sqrt(level[..., None])
        laid[band] = (pixels[band] * (1 - opacity) + colour * opacity).round()
    return laid


def heatmap_names(paths: Iterable[Path]) -> Iterator[str]:
    """A file name for every photo's heatmap, readable and never twice: folder and name, numbered where they repeat."""
    taken: set[str] = set()  # in lower case: some file systems know no other
    for path in paths:
        base = _short(f"{path.parent.name}_{path.stem}".lstrip("_"))
        numbered = (base if number == 1 else f"{base}_{number}" for number in itertools.count(1))
        name = next(name for name in numbered if name.casefold() not in taken)
        taken.add(name.casefold())
        yield f"{name}.png"


def _short(name: str) -> str:
    """Its last LONGEST bytes or a little less: a folder's name and a file's together may be longer than a file system takes."""
    return os.fsencode(name)[-LONGEST:].decode(errors="ignore") if len(os.fsencode(name)) > LONGEST else name
