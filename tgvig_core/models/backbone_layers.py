"""Which layers of a timm backbone detectors compare, as PatchCore (CVPR 2022) and CFLOW-AD (WACV 2022) take them."""

from __future__ import annotations

from typing import Any, cast

import timm
import torch
from timm.models import FeatureInfo

from tgvig_core.utils.errors import TgvigError


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
        # a list of its own, or what features_only makes of it
        found = cast("FeatureInfo | list[dict[str, Any]]", network.feature_info)
        return [row["module"] for row in (found.info if isinstance(found, FeatureInfo) else found)]
    except Exception as error:  # timm raises many kinds
        raise TgvigError(
            f"timm cannot build the backbone {name} ({str(error).splitlines()[0][:160]}): give one of its names."
        ) from error
