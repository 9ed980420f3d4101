"""Views of a single photo that stand in for another good photo: bent and unevenly lit, as no pool's views are.

Plain views would flatter the pool that holds plain views: against it they score lower, another good photo does not. The
smooth random field is that of elastic distortions (Simard et al., ICDAR 2003).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tgvig_core.photos.views import ViewPolicy, views

KNOTS = 6
"""Random values along a side, between which the fields are smooth."""
BEND = 0.008
"""Standard deviation of the displacement at a knot, as a share of the side."""
SHADE = 0.06
"""Standard deviation of the brightness at a knot, in units of half the range of grey. With both a view scores about as far
above plain views as another good photo does (`score_prior.py`)."""


def unseen_views(image: Tensor, count: int, policy: ViewPolicy, generator: torch.Generator) -> Tensor:
    """Views of one good photo.

    Args:
        image: 3×S×S in [-1, 1].
        policy: how good parts may differ; each view is one of it, bent and shaded.
        generator: CPU generator.

    Returns:
        count×3×S×S in [-1, 1].
    """
    moved = views(image, count, policy, generator)
    size = list(moved.shape[-2:])
    field = F.interpolate(torch.randn(count, 3, KNOTS, KNOTS, generator=generator), size, mode="bicubic").to(image)
    straight = F.affine_grid(torch.eye(2, 3).expand(count, 2, 3), list(moved.shape), align_corners=False).to(image)
    bent = straight + 2 * BEND * field[:, :2].permute(0, 2, 3, 1)  # a side is 2 long in the grid's units
    sampled = F.grid_sample(moved, bent, mode="bicubic", padding_mode="reflection", align_corners=False)
    return (sampled + SHADE * field[:, 2:]).clamp(-1, 1)
