"""A folder of photos to inspect: in MVTec AD's layout (Bergmann et al., CVPR 2019) it comes with labels and masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tgvig_core.errors import TgvigError
from tgvig_core.images import expand_inputs


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo to inspect. `defective` is None where the folder has no labels; `mask` is None for good parts."""

    path: Path
    defective: bool | None
    mask: Path | None


def read_test_folder(folder: Path) -> tuple[LabelledPhoto, ...]:
    """The photos of a folder: test/good and test/<defect> with ground_truth/<defect>/NAME_mask.png beside test (as in
    MVTec AD; NAME.png, as other sets have it, is taken too), or photos without labels.

    Raises:
        TgvigError: there is no such folder, it holds no photo, or a photo of a defect lacks its mask.
    """
    if not folder.is_dir():
        raise TgvigError(f"There is no folder {folder}: give --test a folder of photos.")
    if not (folder / "good").is_dir():
        return tuple(LabelledPhoto(path, None, None) for path in expand_inputs([folder]))
    truth = folder.parent / "ground_truth"
    found = []
    for kind in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for path in expand_inputs([kind]):
            good = kind.name == "good"
            found.append(LabelledPhoto(path, not good, None if good else _mask(truth, path)))
    return tuple(found)


def _mask(truth: Path, path: Path) -> Path | None:
    if not truth.is_dir():
        return None  # labels without masks: image figures only
    named = [truth / path.parent.name / f"{path.stem}{end}.png" for end in ("_mask", "")]
    if found := next(filter(Path.is_file, named), None):
        return found
    raise TgvigError(
        f"The mask {named[0]} of {path} is missing: add it, or move ground_truth away to go without masks."
    )


def read_mask(photo: LabelledPhoto, size: int) -> Tensor:
    """size×size bool in the detector's frame (nearest neighbour, all but 0 is defect), all False for a good part.

    Raises:
        TgvigError: the mask cannot be read.
    """
    if photo.mask is None:
        return torch.zeros(size, size, dtype=torch.bool)
    try:
        with Image.open(photo.mask) as image:
            square = image.convert("L").resize((size, size), Image.Resampling.NEAREST)
    except Exception as error:  # a damaged file makes Pillow raise anything
        raise TgvigError(f"The mask {photo.mask} cannot be read ({error}): replace it.") from error
    return torch.from_numpy(np.array(square) > 0)
