"""What several tests share: a VQGAN of a second, a text–image encoder of three colours, photos as tensors."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from photos import normals
from torch import Tensor

from tgvig_core.images import read_normals
from tgvig_core.progress import Progress, silent
from tgvig_core.vqgan import Vqgan, VqganConfig

TINY = VqganConfig(32, (1, 1, 2), 1, (), 32, 32, 64)
"""f = 4, 64 codes of 32 values."""


def tiny_vqgan(seed: int = 0, config: VqganConfig = TINY) -> Vqgan:
    """Random weights, the same for the same seed; the codes lie as wide as the latents, so that many are used."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Vqgan(config)
        model.quantize.embedding.weight.data.normal_(0, 0.3)
    return model.eval()


def photo_tensor(name: str, count: int, size: int) -> Tensor:
    """The first good photos of a category, count×3×size×size in [-1, 1]."""
    return read_normals(normals(name, count)).tensor(size)


def seeded(seed: int = 0) -> torch.Generator:
    """A CPU generator."""
    return torch.Generator().manual_seed(seed)


class ColourEncoder:
    """f is the direction of an image's mean colour, G that of a colour's name: both by hand, unit rows, D = 3."""

    name, identity, dim, caveat = "mean colour", "colour:1", 3, "knows three colours"
    WORDS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "grey": (1.0, 1.0, 1.0)}

    def encode_images(self, images: Tensor) -> Tensor:
        """N×3×H×W in [-1, 1] to N×3 unit rows."""
        colour = (images.mean((2, 3)) + 1) / 2
        return colour / colour.norm(dim=1, keepdim=True)

    def encode_texts(
        self, texts: Sequence[str], progress: Progress = silent, stop: threading.Event | None = None
    ) -> Tensor:
        """The direction of the colour that each text ends with."""
        rows = torch.tensor([self.WORDS[text.split()[-1]] for text in texts])
        return rows / rows.norm(dim=1, keepdim=True)
