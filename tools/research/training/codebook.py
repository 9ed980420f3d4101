"""A codebook that is used: k-means start and revival of dead codes (Zeghidour et al., "SoundStream", arXiv 2107.03312)."""

from __future__ import annotations

import torch
from torch import Tensor

from tgvig_core.models.vqgan import Vqgan
from tools.research.training.photos import Crops

KMEANS_ROUNDS = 8
POINTS_PER_CODE = 16


@torch.no_grad()
def initialise(model: Vqgan, crops: Crops, generator: torch.Generator, device: torch.device) -> None:
    """Put the codes at k-means centres of the encoder's latents."""
    wanted = POINTS_PER_CODE * model.config.n_embed
    found: list[Tensor] = []
    while sum(map(len, found)) < wanted:
        images = crops.batch(4, generator).to(device, memory_format=torch.channels_last)
        found.append(points(model.encode(images), model.config.heads))
    book = model.quantize.embedding.weight
    book.copy_(kmeans(torch.cat(found), len(book), generator))


def kmeans(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Lloyd's algorithm: count×D centres of N×D rows (N ≥ count), started at random rows; an empty centre stays a row."""
    centres = rows[torch.randperm(len(rows), generator=generator)[:count].to(rows.device)].clone()
    for _ in range(KMEANS_ROUNDS):
        nearest = torch.cat([torch.cdist(part, centres).argmin(1) for part in rows.split(4096)])
        count_of = torch.bincount(nearest, minlength=len(centres))
        total = torch.zeros_like(centres).index_add_(0, nearest, rows)
        used = count_of > 0
        centres[used] = total[used] / count_of[used, None]
    return centres


@torch.no_grad()
def revive(books: list[Tensor], usage: Tensor, rows: Tensor, generator: torch.Generator) -> int:
    """Move codes that nothing chose since the last call onto latents, and start to count anew.

    Args:
        books: the codebook and its moving average, K×D each; both are changed.
        usage: how often each code was chosen, K counts; set to 0.
        rows: N×D latents of the present batch.

    Returns:
        how many codes were dead.
    """
    dead = (usage == 0).nonzero().flatten()
    picks = torch.randperm(len(rows), generator=generator)[: len(dead)].to(rows.device)
    for book in books:
        book[dead[: len(picks)]] = rows[picks]
    usage.zero_()
    return len(dead)


def points(latents: Tensor, heads: int) -> Tensor:
    """B×C×h×w as the rows that the codebook compares, (B·heads·h·w)×(C/heads)."""
    return latents.reshape(-1, latents.shape[1] // heads, *latents.shape[2:]).permute(0, 2, 3, 1).flatten(0, 2)
