"""Scoring photos with a trained detector: a verdict, a raw score and a heatmap at each photo's own size."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from torch import Tensor

from tgvig_core.detectors import PatchCore
from tgvig_core.images import from_square, read_photo, save_png, to_square, to_tensor
from tgvig_core.progress import Progress, silent, track

BAND = 256
"""Rows of a photo that are coloured at once."""


@dataclass(frozen=True)
class Verdict:
    """What was found on one photo.

    Attributes:
        path: the photo.
        score: raw image score; larger is stranger.
        is_anomalous: score > threshold.
        heatmap: the photo with its map laid over, at the photo's own size.
        map: S×S raw map in the detector's frame.
    """

    path: Path
    score: float
    is_anomalous: bool
    heatmap: Path
    map: Tensor


def heatmap(pixels: np.ndarray, map: np.ndarray, pixel_threshold: float) -> np.ndarray:
    """Lay a map over its photo: nothing below half the threshold, strongest from one and a half times on.

    Args:
        pixels: H×W×3 uint8. map: S×S raw values.

    Returns:
        H×W×3 uint8, the photo's own size and geometry.
    """
    own = from_square(map, *pixels.shape[:2])
    shown = np.empty_like(pixels)
    for top in range(0, len(pixels), BAND):  # in bands: the colours of a 64-megapixel photo would take gigabytes
        band = slice(top, top + BAND)
        level = np.clip(own[band] / max(pixel_threshold, 1e-12) - 0.5, 0, 1)  # the threshold itself lands at 0.5
        colour = matplotlib.colormaps["inferno"](0.15 + 0.8 * level)[..., :3] * 255
        opacity = 0.75 * level[..., None] ** 0.5
        shown[band] = (pixels[band] * (1 - opacity) + colour * opacity).round()
    return shown


def heatmap_names(paths: Sequence[Path]) -> list[str]:
    """A file name for every photo's heatmap, readable and never twice: folder and name, numbered where they repeat."""
    taken: set[str] = set()  # in lower case: some file systems know no other
    found = []
    for path in paths:
        base = f"{path.parent.name}_{path.stem}".lstrip("_")
        numbered = (base if number == 1 else f"{base}_{number}" for number in itertools.count(1))
        name = next(name for name in numbered if name.casefold() not in taken)
        taken.add(name.casefold())
        found.append(f"{name}.png")
    return found


def check_photos(paths: Sequence[Path], progress: Progress = silent, stop: threading.Event | None = None) -> None:
    """Read every photo once, so that a broken one is named before anything is written.

    Raises:
        TgvigError: see images.read_photo.
    """
    for path in track(paths, "Checking the photos", len(paths), progress, stop):
        read_photo(path)


def inspect(
    detector: PatchCore, threshold: float, pixel_threshold: float, paths: Sequence[Path], folder: Path,
    progress: Progress = silent, stop: threading.Event | None = None,
) -> Iterator[Verdict]:  # fmt: skip
    """Score photos one by one and write their heatmaps into the folder; memory does not grow with their number.

    Raises:
        TgvigError: a photo cannot be read or a heatmap cannot be written. Stopped: the stop event was set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = zip(paths, heatmap_names(paths), strict=True)
    for path, name in track(pairs, "Inspecting the photos", len(paths), progress, stop):
        photo = read_photo(path)
        result = detector.score(to_tensor(to_square(photo.pixels, detector.size))[None])
        score, map = float(result.scores[0]), result.maps[0]
        save_png(heatmap(photo.pixels, map.numpy(), pixel_threshold), folder / name)
        yield Verdict(path, score, score > threshold, folder / name, map)
