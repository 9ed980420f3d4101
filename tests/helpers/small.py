"""What several tests share: a VQGAN of a second, a text–image encoder of three colours, photos as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from photos import normals
from torch import Tensor

from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.generation.vqgan import VqganGenerator
from tgvig_core.models.vqgan import Vqgan, VqganConfig
from tgvig_core.photos.images import read_normals
from tgvig_core.utils.progress import QUIET, RunContext

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


def drawn(
    model: Vqgan, normals: Tensor, settings: GeneratorSettings, rng: torch.Generator, ctx: RunContext = QUIET
) -> Tensor:
    """A set of a VQGAN, M×3×S×S in [-1, 1]."""
    return VqganGenerator(model, settings).sample(normals, settings.images, rng, ctx)


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

    image_features = encode_images

    def encode_texts(self, texts: Sequence[str], ctx: RunContext = QUIET) -> Tensor:
        """The direction of the colour that each text ends with."""
        rows = torch.tensor([self.WORDS[text.split()[-1]] for text in texts])
        return rows / rows.norm(dim=1, keepdim=True)


Shapes = dict[str, tuple[int, ...]]


def conv(name: str, wide: int, deep: int, side: int) -> Shapes:
    return {f"{name}.weight": (wide, deep, side, side), f"{name}.bias": (wide,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def block(name: str, deep: int, wide: int) -> Shapes:
    shapes = norm(f"{name}.norm1", deep) | conv(f"{name}.conv1", wide, deep, 3)
    shapes |= norm(f"{name}.norm2", wide) | conv(f"{name}.conv2", wide, wide, 3)
    return shapes if deep == wide else shapes | conv(f"{name}.nin_shortcut", wide, deep, 1)


def attention(name: str, width: int) -> Shapes:
    shapes = norm(f"{name}.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        shapes |= conv(f"{name}.{part}", width, width, 1)
    return shapes


def middle(name: str) -> Shapes:
    return block(f"{name}.mid.block_1", 512, 512) | attention(f"{name}.mid.attn_1", 512) | block(
        f"{name}.mid.block_2", 512, 512
    )  # fmt: skip


def published_f16(codes: int) -> Shapes:
    """Names and shapes of vqgan_imagenet_f16_*: ch 128, ch_mult 1 1 2 2 4, 2 blocks, attention at 16 px, z 256."""
    enters, leaves = [128, 128, 128, 256, 256], [128, 128, 256, 256, 512]
    shapes = conv("encoder.conv_in", 128, 3, 3) | middle("encoder") | norm("encoder.norm_out", 512)
    shapes |= conv("encoder.conv_out", 256, 512, 3)
    for level, (deep, wide) in enumerate(zip(enters, leaves, strict=True)):
        for place in range(2):
            shapes |= block(f"encoder.down.{level}.block.{place}", wide if place else deep, wide)
        if level < 4:
            shapes |= conv(f"encoder.down.{level}.downsample.conv", wide, wide, 3)
    shapes |= conv("decoder.conv_in", 512, 256, 3) | middle("decoder") | norm("decoder.norm_out", 128)
    shapes |= conv("decoder.conv_out", 3, 128, 3)
    for level, deep in enumerate([128, 256, 256, 512, 512]):
        for place in range(3):
            shapes |= block(f"decoder.up.{level}.block.{place}", leaves[level] if place else deep, leaves[level])
        if level:
            shapes |= conv(f"decoder.up.{level}.upsample.conv", leaves[level], leaves[level], 3)
    for name, count in (("encoder.down.4", 2), ("decoder.up.4", 3)):
        for place in range(count):
            shapes |= attention(f"{name}.attn.{place}", 512)
    shapes |= conv("quant_conv", 256, 256, 1) | conv("post_quant_conv", 256, 256, 1)
    return shapes | {"quantize.embedding.weight": (codes, 256)}
