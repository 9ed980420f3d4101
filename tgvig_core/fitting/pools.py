"""The good images a detector learns from: the photos, with plain copies or a generated set (TGVIG, CVPR 2024, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tgvig_core.generation.base import sources
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.utils.errors import TgvigError


@dataclass(frozen=True)
class Pool:
    """Images to train on.

    Attributes:
        images: N×3×S×S in [-1, 1], the normals first.
        groups: for each the normal that it is or comes from.
    """

    images: Tensor
    groups: tuple[int, ...]


def real(normals: Tensor) -> Pool:
    """The normals alone."""
    return Pool(normals, tuple(range(len(normals))))


def augment(normals: Tensor, count: int, policy: ViewPolicy, seed: int) -> Pool:
    """The normals and `count` plain views, drawn from them in turn."""
    generator = torch.Generator().manual_seed(seed)
    origins = sources(count, len(normals))
    made = [views(normals[origin], 1, policy, generator) for origin in origins]
    return Pool(torch.cat([normals, *made]), (*range(len(normals)), *origins))


def tgvig(normals: Tensor, generated: Tensor, excluded: Sequence[int] = (), rejected: Sequence[int] = ()) -> Pool:
    """The normals and a generated set; the normals alone where the gate rejects all that a person has kept.

    Args:
        generated: I⁺, M×3×S×S.
        excluded: places in the set that a person excluded.
        rejected: places that the gate rejects.

    Raises:
        TgvigError: no image would be left, or there is none of that number.
    """
    if strange := [place for place in excluded if not 0 <= place < len(generated)]:
        raise TgvigError(f"The set has no image {strange[0] + 1}: it holds {len(generated)}.")
    kept = [place for place in range(len(generated)) if place not in set(excluded)]
    if not kept:
        raise TgvigError("All generated images are excluded: keep at least one, or train on the photos alone.")
    kept = [place for place in kept if place not in set(rejected)]
    origins = sources(len(generated), len(normals))
    return Pool(torch.cat([normals, generated[kept]]), (*range(len(normals)), *(origins[place] for place in kept)))
