"""A seeded corpus of over 500 photo files, whole, broken and hostile, each with what must become of it.

What a whole photo must give is the array that it was written from, or what OpenCV or tifffile read in it: neither shares code
with Pillow's plugins. What is broken must be refused, or read as another decoder reads the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from tests.helpers.paths import ROOT

cv2.utils.logging.setLogLevel(0)  # of broken files it is meant to say nothing

SEED = 8
SAMPLES = ROOT / "assets" / "samples"


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        kind: the row of the table that it counts in. name: of the file, with its extension.
        content: its bytes.
        expected: read, refused, or either.
        pixels: H×W×3 uint8 that it must give where it is read; None where no other decoder reads it.
        within: the largest difference that lossy decoders may have.
        words: what the sentence must say.
    """

    kind: str
    name: str
    content: bytes = field(repr=False)
    expected: Literal["read", "refused", "either"]
    pixels: np.ndarray | None = field(default=None, repr=False, compare=False)
    within: int = 0
    words: str = ""


def cases(quick: bool = False) -> Iterator[Case]:
    """All of them, the same each time; names are unique. `quick` leaves out those that take seconds to make."""
    from tests.robustness import corpus_bombs, corpus_broken, corpus_odd, corpus_whole

    for number, module in enumerate((corpus_whole, corpus_odd, corpus_broken, corpus_bombs)):
        options = {"quick": quick} if module is corpus_bombs else {}
        yield from module.cases(np.random.default_rng((SEED, number)), **options)


def drawn(rng: np.random.Generator, height: int = 96, width: int = 128) -> np.ndarray:
    """A picture with edges, a gradient and noise, H×W×3 uint8."""
    y, x = np.mgrid[:height, :width]
    red = 255 * x / max(width - 1, 1)
    green = 255 * y / max(height - 1, 1)
    blue = 128 + 90 * np.sign(np.sin(x / 7) * np.sin(y / 5))
    noise = rng.normal(0, 6, (height, width, 3))
    return (np.stack([red, green, blue], axis=-1) + noise).clip(0, 255).astype(np.uint8)


def sample(rng: np.random.Generator, side: int = 160) -> np.ndarray:
    """A window of one of the sample parts, side×side×3 uint8."""
    files = sorted(SAMPLES.glob("*/t*/*/*.jpg"))
    whole = cv2.imread(str(files[rng.integers(len(files))]))[..., ::-1]
    top, left = (rng.integers(0, length - side + 1) for length in whole.shape[:2])
    return np.ascontiguousarray(whole[top : top + side, left : left + side])


def seen_by_opencv(content: bytes) -> np.ndarray | None:
    """What OpenCV reads as stored, H×W×3 uint8 RGB; None where it reads nothing."""
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if found is None else np.ascontiguousarray(found[..., ::-1])
