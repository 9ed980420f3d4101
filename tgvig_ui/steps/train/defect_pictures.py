"""The pictures of the synthetic defects to look at: a photo in the detector's frame, spoiled, enlarged and outlined."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tgvig_core.photos.images import read_photo, to_square, to_tensor

if TYPE_CHECKING:
    from tgvig_core.synthetic.defects import Defect

SIDE = 256
"""px of the detector's frame, in which defects are made."""
SHOWN = 512
AWAY, LINE = 7, 3
"""px of the shown picture: how far from the defect its outline runs, so that it hides nothing, and how wide it is."""


@functools.lru_cache(maxsize=16)
def square(path: Path, stamp: int) -> np.ndarray:
    """A photo, SIDE×SIDE×3 uint8; `stamp` is its time of change, so that another photo of this name is read anew."""
    return to_square(read_photo(path).pixels, SIDE)


@functools.lru_cache(maxsize=16)
def _part_of(path: Path, stamp: int):
    from tgvig_core.synthetic.foreground import part_mask

    return part_mask(to_tensor(square(path, stamp)))


@functools.lru_cache(maxsize=16)
def spoiled_photo(path: Path, stamp: int, kind: str, strength: float, size: float, place: int) -> Defect | None:
    """A photo's defect, None where it would not be seen; kept, because the picture and the verdict ask for the same one.

    Args:
        path, stamp: as for `square`.
        kind, strength, size: as for make_defect (tgvig_core.synthetic.defects).
        place: the seed of where it lies.
    """
    import torch

    from tgvig_core.synthetic.defects import UnseenError, make_defect

    generator = torch.Generator().manual_seed(place)
    image = to_tensor(square(path, stamp))
    try:
        return make_defect(image, kind, strength, generator, size, _part_of(path, stamp))
    except UnseenError:
        return None


def large(pixels: np.ndarray) -> np.ndarray:
    """SHOWN×SHOWN×3 uint8 of a picture of any size."""
    return np.array(Image.fromarray(pixels).resize((SHOWN, SHOWN), Image.Resampling.BICUBIC))


def outlined(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with a line around the defect that leaves the defect itself to be seen.

    Args:
        pixels: SHOWN×SHOWN×3 uint8. mask: SIDE×SIDE bool.
    """
    from scipy import ndimage

    from tgvig_core.inspection.regions import CORE, RIM

    wide = np.kron(mask, np.ones((SHOWN // SIDE, SHOWN // SIDE), dtype=bool))
    away = ndimage.distance_transform_edt(~wide)
    shown = pixels.copy()
    shown[(away > AWAY - 1) & (away <= AWAY + LINE + 1)] = RIM
    shown[(away > AWAY) & (away <= AWAY + LINE)] = CORE
    return shown
