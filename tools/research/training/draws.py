"""The generation term in pre-training: images drawn from views as in Eq. 3 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247).

Eq. 3 draws every latent position and channel by itself, so neighbouring positions disagree. A decoder that has only seen
encoded photos paints that as blocks of noise; one that has also met such draws smooths over neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tgvig_core.generation.latent_sampling import distribution
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.photos.views import ViewPolicy, views

SIDE_OF_USE = 256
"""px of the images that the method generates."""


def policy_for(side: int) -> ViewPolicy:
    """The default views, moving a crop's pixels as far as those of a whole image."""
    whole, larger = ViewPolicy(), SIDE_OF_USE / side
    return ViewPolicy(degrees=whole.degrees * larger, shift=whole.shift * larger, light=whole.light)


def all_views(images: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` views of every image, one image's after the other's, (B·count)×3×S×S."""
    policy = policy_for(images.shape[-1])
    return torch.cat([views(image, count, policy, generator) for image in images])


def draw(quantised: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """One z_d ~ N(E_d, Σ_d) for every image, B×C×h×w.

    Args:
        quantised: E(I_i) of all_views(), (B·count)×C×h×w.
    """
    settings = GeneratorSettings()
    return torch.cat([distribution(part, settings).sample(1, generator) for part in quantised.split(count)])
