"""Backbones by name, with the layers that detectors compare; timm's models (Wightman, 2019) and weights from files."""

from __future__ import annotations

from pathlib import Path

from tgvig_core.models.backbone_layers import last_layers
from tgvig_core.models.backbones import Backbone
from tgvig_core.packs.files import PackFile, enforce, fetch, models_folders
from tgvig_core.packs.registry import PACKS, load_backbone
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

WIDE_RESNET = PackFile(
    "wide_resnet50_2.tv_in1k.safetensors", "WideResNet-50-2, torchvision's ImageNet weights",
    "hub: timm/wide_resnet50_2.tv_in1k", "BSD-3-Clause", 276,
)  # fmt: skip
"""What the papers of Reverse Distillation and of PatchCore use; no pack has it."""


def backbone_of(name: str, models_dir: Path | None = None, ctx: RunContext = QUIET) -> Backbone:
    """A backbone with the layers that PatchCore compares.

    Args:
        name: that of a pack (efficientnet_lite0, resnet18.tv_in1k, vit_small_patch14_reg4_dinov2.lvd142m),
            wide_resnet50_2.tv_in1k, any name of timm's whose weights lie as NAME.safetensors in the models folder, or
            "NAME=FILE".

    Raises:
        TgvigError: timm has no such model, or its weights are not there and cannot be fetched.
        Stopped: the stop event was set during a download.
    """
    model, _, file = name.partition("=")
    if file:
        return Backbone(model, last_layers(model), Path(file).expanduser())
    for pack in PACKS.values():
        if pack.backbone == name:
            return load_backbone(pack, models_dir, ctx)
    layers = last_layers(name)
    if f"{name}.safetensors" == WIDE_RESNET.name:
        return Backbone(name, layers, fetch(WIDE_RESNET, models_dir, ctx))
    files = (folder / f"{name}.safetensors" for folder in models_folders(models_dir))
    if (found := next(filter(Path.is_file, files), None)) is None:
        raise TgvigError(
            f"{name}.safetensors, timm's weights of the backbone {name}, is missing: bring it into the folder of "
            f"model files, or give {name}=FILE as the backbone.",
            setting="models_dir",
        )
    enforce(found.name, found)
    return Backbone(name, layers, found)
