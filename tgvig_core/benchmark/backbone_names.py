"""Backbones by name, with the layers that detectors compare; timm's models (Wightman, 2019) and weights from files."""

from __future__ import annotations

import threading
from pathlib import Path

import timm
import torch

from tgvig_core.backbones import Backbone
from tgvig_core.errors import TgvigError
from tgvig_core.pack_files import PackFile, enforce, fetch, models_folders
from tgvig_core.packs import PACKS, load_backbone
from tgvig_core.progress import Progress, silent

WIDE_RESNET = PackFile(
    "wide_resnet50_2.tv_in1k.safetensors", "WideResNet-50-2, torchvision's ImageNet weights",
    "hub: timm/wide_resnet50_2.tv_in1k", "BSD-3-Clause", 276,
)  # fmt: skip
"""What the papers of Reverse Distillation and of PatchCore use; no pack has it."""


def backbone_of(
    name: str, models_dir: Path | None = None, progress: Progress = silent, stop: threading.Event | None = None
) -> Backbone:
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
        if pack.backbone_name == name:
            return load_backbone(pack, models_dir, progress, stop)
    layers = last_layers(name)
    if f"{name}.safetensors" == WIDE_RESNET.name:
        return Backbone(name, layers, fetch(WIDE_RESNET, models_dir, progress, stop))
    files = (folder / f"{name}.safetensors" for folder in models_folders(models_dir))
    if (found := next(filter(Path.is_file, files), None)) is None:
        raise TgvigError(
            f"{name}.safetensors, timm's weights of the backbone {name}, is missing: bring it into a folder and give "
            f"--models-dir, or give {name}=FILE."
        )
    enforce(found.name, found)
    return Backbone(name, layers, found)


def last_layers(name: str) -> tuple[str, ...]:
    """The layers that PatchCore compares: the two before a CNN's last, the last of a vision transformer.

    Raises:
        TgvigError: timm has no such model, or none with features.
    """
    layers = _stages(name)
    return (layers[-1],) if _transformer(name) else tuple(layers[-3:-1])


def spread_layers(name: str) -> tuple[str, ...]:
    """Three layers, as CFLOW-AD takes them: the last ones of a CNN, evenly spread ones of a vision transformer.

    Raises:
        TgvigError: as last_layers.
    """
    layers = _stages(name)
    third = len(layers) // 3
    return tuple(layers[third - 1 :: third][:3] if _transformer(name) else layers[-3:])


def _transformer(name: str) -> bool:
    return "vit" in name  # as anomalib tells them apart


def _stages(name: str) -> list[str]:
    """The layers that timm offers as features, first to last."""
    try:
        with torch.device("meta"):  # neither memory nor anybody's random numbers are used
            network = timm.create_model(name, pretrained=False, features_only=not _transformer(name))
        rows = network.feature_info if _transformer(name) else network.feature_info.info
        return [row["module"] for row in rows]
    except Exception as error:  # timm raises many kinds
        raise TgvigError(
            f"timm cannot build the backbone {name} ({str(error).splitlines()[0][:160]}): give one of its names."
        ) from error
