"""Views of a normal image that keep it normal: the I_i of TGVIG (CVPR 2024, section 4.1), whose choice the paper leaves open."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from tgvig_core.photos.view_policy import ViewPolicy


def views(image: Tensor, count: int, policy: ViewPolicy, generator: torch.Generator) -> Tensor:
    """N augmented views I_i of one normal image.

    Args:
        image: I°, 3×H×W in [-1, 1], H = W where turns are allowed.
        count: N.
        policy: what may differ.
        generator: a CPU generator; the same state gives the same views on every device.

    Returns:
        N×3×H×W in [-1, 1], on the image's device.
    """
    draw = (torch.rand(count, 5, generator=generator) * 2 - 1).to(image.device)
    angle = draw[:, 0] * math.radians(policy.degrees)
    moved = _affine(image.expand(count, -1, -1, -1), angle, draw[:, 1:3] * 2 * policy.shift)
    contrast = 1 + policy.light * draw[:, 3].view(-1, 1, 1, 1)
    brightness = policy.light * draw[:, 4].view(-1, 1, 1, 1)
    moved = ((moved + 1) * contrast - 1 + brightness).clamp(-1, 1)
    return torch.stack([_turned(view, policy, generator) for view in moved])


def _affine(images: Tensor, angle: Tensor, shift: Tensor) -> Tensor:
    """Rotate by angle (radians) and shift (in units of half a side); the border is mirrored, never black."""
    cos, sin = angle.cos(), angle.sin()
    matrix = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


def _turned(view: Tensor, policy: ViewPolicy, generator: torch.Generator) -> Tensor:
    quarter, left_right, up_down = torch.randint(0, 4, (3,), generator=generator).tolist()
    if policy.turns:
        view = view.rot90(quarter, (1, 2))
    if policy.flips:
        view = view.flip([axis for axis, chosen in ((2, left_right % 2), (1, up_down % 2)) if chosen])
    return view
