"""A folder of photos to inspect: in MVTec AD's layout (Bergmann et al., CVPR 2019) it comes with labels and masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tgvig_core.photos.inputs import expand_inputs
from tgvig_core.utils.errors import TgvigError

MASK_ENDINGS = ("_mask.png", ".png", ".bmp")
"""After the name of the photo, in this order."""


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo to inspect. `defective` is None where the folder has no labels.

    `masks` together show where the defect is: none for good parts and where there are no masks, several where a photo
    has several defects.
    """

    path: Path
    defective: bool | None
    masks: tuple[Path, ...] = ()


def read_test_folder(folder: Path, good: str = "good") -> tuple[LabelledPhoto, ...]:
    """The photos of a folder: test/good and test/<defect> with their masks in ground_truth/<defect> beside test, or
    photos without labels.

    The masks of a photo NAME are NAME_mask.png (as in MVTec AD), NAME.png or another ending (VisA, BTAD), or all in a
    folder NAME (MVTec LOCO).

    Args:
        good: what the folder of good parts is called.

    Raises:
        TgvigError: there is no such folder, it holds no photo, or a photo of a defect lacks its mask.
    """
    if not folder.is_dir():
        raise TgvigError(f"There is no folder {folder}: name a folder of photos to inspect.", setting="test")
    if not (folder / good).is_dir():
        return tuple(LabelledPhoto(path, None) for path in expand_inputs([folder]))
    truth = folder.parent / "ground_truth"
    found = []
    for kind in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for path in expand_inputs([kind]):
            defective = kind.name != good
            found.append(LabelledPhoto(path, defective, _masks(truth, path) if defective else ()))
    return tuple(found)


def _masks(truth: Path, path: Path) -> tuple[Path, ...]:
    if not truth.is_dir():
        return ()  # labels without masks: image figures only
    folder = truth / path.parent.name
    named = (folder / f"{path.stem}{end}" for end in MASK_ENDINGS)
    if found := next(filter(Path.is_file, named), None):
        return (found,)
    several = folder / path.stem
    if several.is_dir():
        return tuple(expand_inputs([several]))
    raise TgvigError(
        f"The mask {folder / path.stem}{MASK_ENDINGS[0]} of {path} is missing: add it, or move ground_truth away to go "
        "without masks."
    )


def read_mask(photo: LabelledPhoto, size: int) -> Tensor:
    """size×size bool in the detector's frame (nearest neighbour, all but 0 of any mask is defect), all False for a good part.

    Raises:
        TgvigError: a mask cannot be read.
    """
    defect = np.zeros((size, size), dtype=bool)
    for path in photo.masks:
        try:
            with Image.open(path) as image:
                square = image.convert("L").resize((size, size), Image.Resampling.NEAREST)
        except Exception as error:  # a damaged file makes Pillow raise anything
            raise TgvigError(f"The mask {path} cannot be read ({error}): replace it.") from error
        defect |= np.array(square) > 0
    return torch.from_numpy(defect)
