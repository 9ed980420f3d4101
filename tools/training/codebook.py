"""A codebook that is used: k-means start and revival of dead codes (Zeghidour et al., "SoundStream", arXiv 2107.03312)."""

from __future__ import annotations

import torch
from torch import Tensor

from tgvig_core.vqgan import Vqgan
from tools.training.photos import Crops

KMEANS_ROUNDS = 8
LATENTS_PER_CODE = 12


@torch.no_grad()
def initialise(model: Vqgan, crops: Crops, generator: torch.Generator, device: torch.device) -> None:
    """Put the codes at k-means centres of the encoder's latents."""
    wanted = LATENTS_PER_CODE * model.config.n_embed
    latents: list[Tensor] = []
    while sum(map(len, latents)) < wanted:
        images = crops.batch(16, generator).to(device, memory_format=torch.channels_last)
        latents.append(rows(model.encode(images)))
    points = torch.cat(latents)
    centres = points[torch.randperm(len(points), generator=generator)[: model.config.n_embed].to(device)].clone()
    for _ in range(KMEANS_ROUNDS):
        nearest = torch.cat([torch.cdist(part, centres).argmin(1) for part in points.split(4096)])
        count = torch.bincount(nearest, minlength=len(centres)).clamp_min(1)
        total = torch.zeros_like(centres).index_add_(0, nearest, points)
        used = torch.bincount(nearest, minlength=len(centres)) > 0
        centres[used] = (total / count[:, None])[used]
    model.quantize.embedding.weight.copy_(centres)


@torch.no_grad()
def revive(model: Vqgan, usage: Tensor, images: Tensor, generator: torch.Generator) -> int:
    """Move codes that nothing chose since the last call onto latents of this batch; returns how many were dead."""
    dead = (usage == 0).nonzero().flatten()
    latents = rows(model.encode(images))
    picks = torch.randperm(len(latents), generator=generator)[: len(dead)].to(latents.device)
    model.quantize.embedding.weight[dead[: len(picks)]] = latents[picks]
    usage.zero_()
    return len(dead)


def rows(latents: Tensor) -> Tensor:
    """B×C×h×w as (B·h·w)×C."""
    return latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
