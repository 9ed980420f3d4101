"""Defects to the eye: plain-word notes on photos that can be used but may teach the wrong thing.

The thresholds are meant to stay silent on ordinary photos; a note is a hint, never a refusal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tgvig_core.photos.images import NormalSet, Photo, to_square

SMALL_SIDE = 128
"""Photos with a shorter side below this many px are called small."""

SHARPNESS_FLOOR = 4.0
"""Variance of the Laplacian of the 256 px grey photo (grey levels²) below which a photo is called blurred by itself."""

SHARPNESS_SHARE = 0.15
"""The share of the other photos' median sharpness below which a photo is called blurred beside them."""

DARK, BRIGHT = 50, 205
"""Grey levels: too dark with 95 % of the pixels below DARK, too bright with 95 % of them above BRIGHT."""

SAME_LEVELS = 1.0
"""Mean difference in grey levels, at 64×64 and after removing the mean, below which two photos are called the same."""


@dataclass(frozen=True)
class PhotoNote:
    """One note: the photo, its kind (small, blur, dark, bright, near_duplicate, mixed_sizes), a sentence."""

    path: Path
    kind: str
    text: str


def report(normals: NormalSet) -> tuple[PhotoNote, ...]:
    """The notes on a set of normals: first photo by photo in the set's order, then pairs, then the set's sizes."""
    greys = [_grey(photo) for photo in normals.photos]
    sharpness = np.array([_sharpness(grey) for grey in greys])
    notes: list[PhotoNote] = []
    for at, (photo, grey) in enumerate(zip(normals.photos, greys, strict=True)):
        # Wrong light also flattens detail; the note names the cause.
        notes += _small(photo) + (_exposure(photo, grey) or _blur(photo, sharpness[at], np.delete(sharpness, at)))
    return tuple(notes + _near_duplicates(normals.photos, greys) + _mixed_sizes(normals.photos))


def _grey(photo: Photo) -> np.ndarray:
    return np.asarray(Image.fromarray(to_square(photo.pixels, 256)).convert("L"), dtype=np.float32)


def _sharpness(grey: np.ndarray) -> float:
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


def _small(photo: Photo) -> list[PhotoNote]:
    height, width = photo.pixels.shape[:2]
    if min(height, width) >= SMALL_SIDE:
        return []
    text = f"{photo.path.name} is small ({width}×{height} px): fine defects cannot show. Take it larger if you can."
    return [PhotoNote(photo.path, "small", text)]


def _blur(photo: Photo, sharpness: float, others: np.ndarray) -> list[PhotoNote]:
    if sharpness < SHARPNESS_FLOOR:
        text = (
            f"{photo.path.name} has almost no fine detail. If the part is not that smooth, the photo is out of focus."
        )
        return [PhotoNote(photo.path, "blur", text)]
    # Against a single other photo nobody could say which of the two is the odd one.
    if len(others) >= 2 and sharpness < SHARPNESS_SHARE * np.median(others):
        text = f"{photo.path.name} is far less sharp than the other photos. Check the focus, or leave it out."
        return [PhotoNote(photo.path, "blur", text)]
    return []


def _exposure(photo: Photo, grey: np.ndarray) -> list[PhotoNote]:
    low, high = np.percentile(grey, (5, 95))
    if high < DARK:
        text = f"{photo.path.name} is very dark. Use more light, or check that a 12-bit camera fills the file's range."
        return [PhotoNote(photo.path, "dark", text)]
    if low > BRIGHT:
        text = f"{photo.path.name} is very bright, so details may be washed out. Use less light or a shorter exposure."
        return [PhotoNote(photo.path, "bright", text)]
    return []


def _near_duplicates(photos: tuple[Photo, ...], greys: list[np.ndarray]) -> list[PhotoNote]:
    thumbs = [grey.reshape(64, 4, 64, 4).mean(axis=(1, 3)) for grey in greys]
    flat = np.stack([(thumb - thumb.mean()).ravel() for thumb in thumbs])
    notes = []
    for at in range(1, len(photos)):
        differences = np.abs(flat[:at] - flat[at]).mean(axis=1)
        twin = int(differences.argmin())
        # Two photos of an evenly grey surface look the same to any thumbnail; they are judged by their own contrast.
        if differences[twin] < min(SAME_LEVELS, 0.2 * float(np.abs(flat[at]).mean())):
            text = f"{photos[twin].path.name} and {photos[at].path.name} look almost the same, so one adds nothing new."
            notes.append(PhotoNote(photos[at].path, "near_duplicate", text))
    return notes


def _mixed_sizes(photos: tuple[Photo, ...]) -> list[PhotoNote]:
    sizes = [(photo.pixels.shape[1], photo.pixels.shape[0]) for photo in photos]
    common = Counter(sizes).most_common(1)[0][0]
    odd = [at for at, size in enumerate(sizes) if size != common]
    if not odd:
        return []
    width, height = sizes[odd[0]]
    text = (
        f"{len(odd)} of {len(photos)} photos differ from {common[0]}×{common[1]} px in size, such as "
        f"{photos[odd[0]].path.name} ({width}×{height} px). All are stretched to one square: crop them to one shape."
    )
    return [PhotoNote(photos[odd[0]].path, "mixed_sizes", text)]
