"""Synthetic defects with exact masks: CutPaste (Li et al., CVPR 2021, arXiv 2104.04015), the scar and the patch."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cut_paste(image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Copy a small rectangle of the image to another place, with a change of light.

    Half of the rectangles are patches (0.3 to 2 % of the area), half thin scars, as in the paper but smaller: a defect
    of the paper's 2 to 15 % is found by any detector and tells nothing.

    Args:
        image: 3×H×W in [-1, 1].
        generator: CPU generator.

    Returns:
        the spoiled image, and its exact mask, H×W bool.
    """
    height, width = image.shape[1:]
    draw = torch.rand(8, generator=generator).tolist()
    area = (0.003 + 0.017 * draw[0]) * height * width
    aspect = (
        math.exp(math.log(3.3) * (2 * draw[1] - 1)) if draw[2] < 0.5 else math.exp(math.log(10) * (2 * draw[1] - 1))
    )
    rows = min(max(2, round(math.sqrt(area * aspect))), height // 2)
    columns = min(max(2, round(math.sqrt(area / aspect))), width // 2)
    top, left = int(draw[3] * (height - rows)), int(draw[4] * (width - columns))
    to_top, to_left = int(draw[5] * (height - rows)), int(draw[6] * (width - columns))
    light = 0.2 * (2 * draw[7] - 1)
    spoiled = image.clone()
    piece = image[:, top : top + rows, left : left + columns]
    spoiled[:, to_top : to_top + rows, to_left : to_left + columns] = (piece + light).clamp(-1, 1)
    mask = (spoiled != image).any(0)
    return spoiled, mask
